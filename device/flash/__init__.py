"""Preparing OS images and writing SD cards."""
