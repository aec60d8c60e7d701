"""Reading and verifying a bundle."""
