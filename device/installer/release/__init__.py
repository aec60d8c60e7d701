"""Installing a release and its service."""
