"""Collects images for the next training: those the model was unsure of, and those where something changed."""
