"""From an image file to the input tensor."""
