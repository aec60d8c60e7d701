"""Float against int8 on the same images."""
