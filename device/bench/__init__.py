"""Benchmarks of models on this machine: measurement, validity, results and reports."""
