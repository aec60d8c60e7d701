"""device.toml: the settings of one device."""
