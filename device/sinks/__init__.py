"""Where predictions go, one kind per file."""
