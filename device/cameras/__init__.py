"""Cameras and other frame sources, one back end per file."""
