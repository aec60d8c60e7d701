"""The installer's only error."""

from __future__ import annotations


class Refused(Exception):
    """A bundle that is not taken; one line that says why."""
