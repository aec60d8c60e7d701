"""The command line of the device."""
