"""Programs that run on the device: the standard library only, since nothing else may be there yet.

Each has a function ``main`` that takes and returns an object of JSON. Its text is sent over standard input, and so is the
argument; see ``ssh.py``.
"""
