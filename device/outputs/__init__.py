"""Outputs of ``edgevision run --to``: where results, events and images go, one kind per file."""
