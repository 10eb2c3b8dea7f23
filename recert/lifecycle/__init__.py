"""What identity systems ask for between campaigns: accounts, entitlements, their holders."""
