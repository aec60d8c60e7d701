"""Classes that a device learns on its own, kept in its state folder and never in a model."""
