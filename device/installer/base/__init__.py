"""What every part of the installer uses."""
