"""The embedded FTP and FTPS server, which works on the permission file of the embedded kind."""
