"""Our model card, labels and archive in a .tflite."""
