"""Trials of ``--quality best`` on the machines of a Ray cluster."""
