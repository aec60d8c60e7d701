"""Labelled images: read, check, split."""
