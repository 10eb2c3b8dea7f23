"""Inventory: servers, accounts, groups, folders, owners; snapshots as intervals; differences."""
