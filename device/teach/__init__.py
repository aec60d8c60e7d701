"""Classes taught on the device, kept in its state folder and never in a model."""
