"""Wrappers shared by all cameras: reader thread, reconnection, orientation."""
