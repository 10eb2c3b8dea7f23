"""Campaigns: scope, items, routing, reminders, states, sign-off."""
