"""device.toml: what one device is to be."""
