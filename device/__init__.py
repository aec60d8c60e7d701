"""The device side: cameras, the loop and its outputs. Never imports TensorFlow."""
