"""Compiling a finished model for the Edge TPU with Coral's own compiler, where that is installed."""
