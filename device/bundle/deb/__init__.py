"""A bundle as a Debian package: dpkg and apt bring it to the device, and the bundle's installer does the rest."""
