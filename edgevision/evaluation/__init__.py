"""Metrics, and comparison of models."""
