"""Tracks objects over time, and counts what crosses lines and stays in zones."""
