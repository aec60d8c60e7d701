"""What runs on a device before edgevision is there: standard library alone. It travels in a bundle as ``install.pyz``."""
