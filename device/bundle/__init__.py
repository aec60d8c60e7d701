"""What carries a model to a device: the bundle, its wheels, its signature; what runs there first is in ``onboard``."""
