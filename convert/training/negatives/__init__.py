"""Negatives of a training: images of none of the classes, which set the score below which the answer is "unknown"."""
