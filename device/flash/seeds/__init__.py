"""What each system wants to find at its first start; one file a system."""
