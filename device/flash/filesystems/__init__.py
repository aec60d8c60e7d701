"""FAT32, ext4 and partition tables."""
