"""Commands that run on the host."""
