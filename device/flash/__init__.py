"""The boot partition of a card or of its image: a FAT32 file system that any computer reads."""
