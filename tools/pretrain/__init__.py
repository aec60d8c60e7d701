"""Pre-train the starter backbone on a folder or zip of class folders."""
