"""Outputs for predictions, one kind per file."""
