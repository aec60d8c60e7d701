"""The clock and the host machine."""
