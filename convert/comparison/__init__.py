"""Float against the converted model on the same images."""
