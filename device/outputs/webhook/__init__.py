"""``webhook:URL``: events as JSON, with an image on request, posted to a server and kept on disk until it took them."""
