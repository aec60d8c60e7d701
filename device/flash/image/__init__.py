"""Preparing and checking OS images."""
