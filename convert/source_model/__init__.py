"""Loads the source model; infers its task and preprocessing."""
