"""Userlands and boards that stand in for a Raspberry Pi: Debian roots, cross-installed wheels, disk images, qemu."""
