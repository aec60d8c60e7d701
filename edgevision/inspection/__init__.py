"""What is in a model, and what can run it."""
