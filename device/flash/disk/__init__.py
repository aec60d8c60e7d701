"""Drives and writing to them."""
