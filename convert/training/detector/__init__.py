"""Training of a detector: network, label assignment, losses, augmentation, epochs."""
