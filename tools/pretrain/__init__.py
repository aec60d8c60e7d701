"""Pre-training of the starter backbone on any folder or zip of class folders."""
