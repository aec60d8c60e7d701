"""Training a classifier: settings, two phases, a state that survives an interruption, and the report."""
