"""Training images: splits, batches, augmentation, cache."""
