"""A float .tflite as the source of a conversion: checked, tried in a child process, and brought into our form."""
