"""A run as the store keeps it: its message, its claim, its lease and the account's lock."""
