"""Training of a model that finds anomalies, from photos of good things alone."""
