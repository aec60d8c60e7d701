"""Commands of the device side."""
