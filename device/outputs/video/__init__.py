"""``video:FILE.webm``: everything that the loop sees as one video, with what the model says drawn on it."""
