"""Modules of the role, on the device."""
