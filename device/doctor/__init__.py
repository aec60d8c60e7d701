"""Checks of what is installed, plugged in and permitted on this machine, with fixes; one module per subject."""
