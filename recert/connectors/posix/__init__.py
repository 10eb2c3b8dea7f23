"""What the kernel lets an account do: one evaluation for every daemon that leaves it to the kernel.

Accounts are numbered, and a set of accounts is one integer used as a bit mask. So a folder is
judged for all accounts at once, and folders that look alike to the kernel are judged once.
"""
