"""Commands of the host side."""
