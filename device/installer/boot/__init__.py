"""First and second boot of a prepared SD card."""
