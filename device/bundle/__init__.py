"""Building bundles: the archive that carries a model, its wheels and its signature to a device."""
