"""The makers of .tflite files that are recognized, and how images are prepared for their models."""
