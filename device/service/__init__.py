"""The loop as a systemd service: unit file, installation and status."""
