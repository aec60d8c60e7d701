"""The loop as a service of systemd: its unit, how it is installed and how it fares."""
