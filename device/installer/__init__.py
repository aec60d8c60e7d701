"""Installer that runs on a device before edgevision is there, with the standard library only; bundled as install.pyz."""
