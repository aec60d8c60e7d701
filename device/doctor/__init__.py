"""What is installed, plugged in and allowed on this machine, and what to do about what is not: one file a subject."""
