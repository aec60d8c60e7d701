"""Postprocessing: turn output tensors into predictions, one module per task."""
