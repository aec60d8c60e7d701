"""Evaluation of detectors: average precision, errors and operating thresholds, from predicted and true boxes."""
