"""Numbers of calibration images; apart from the code, so that ``--help`` need not load it."""

COUNT = 100
"""Default number of images; more did not help (measured on four networks, 10 to 500 images)."""
MIN_COUNT = 10
"""Smallest number of distinct images; with fewer, the ranges are unreliable."""
MAX_COUNT = 10_000
