"""Reading and verifying bundles."""
