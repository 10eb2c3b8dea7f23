"""Recert: access reviews for FTP, FTPS and SFTP servers, with proof."""
