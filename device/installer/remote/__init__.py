"""Requests of ``edgevision deploy``: one JSON object on standard input, one on standard output."""
