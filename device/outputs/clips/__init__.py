"""``clips:DIR``: a WebM video of the seconds before and after every event."""
