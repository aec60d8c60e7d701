"""Listing drives and writing OS images to them."""
