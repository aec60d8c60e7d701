"""Fetches the images that a device collected, by ssh; a device that is not to be trusted can do no harm."""
