"""Training settings: options, configuration file, augmentation."""
