"""Keeps what the next training should see: pictures the model was unsure of, and those where something changed."""
