"""Campaigns that the calendar launches."""
