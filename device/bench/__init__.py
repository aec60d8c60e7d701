"""Benchmarks on the device that can be believed and compared: how fast a model is here, and why."""
