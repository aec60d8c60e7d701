"""Folders with a model for Android and iOS apps: the file, its labels, and code that feeds MediaPipe Tasks as in training."""
