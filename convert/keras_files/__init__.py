"""What a model file says, read before anything in it runs."""
