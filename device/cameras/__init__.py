"""Cameras and other sources of frames, one back end per file."""
