"""Layouts of raw detector outputs: recognized from a file, and read into candidates; one layout per module."""
