"""Stand-ins for a Raspberry Pi: Debian roots, cross-installed wheels, disk images and emulated boards (QEMU)."""
