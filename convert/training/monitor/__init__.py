"""Observers of a training run: history, TensorBoard."""
