"""Engines that run a model: one module per back end, and their registry."""
