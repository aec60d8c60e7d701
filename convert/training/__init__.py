"""Training of a classifier: settings, phases, checkpoints and the report."""
