"""The installer's error class."""

from __future__ import annotations


class Refused(Exception):
    """The bundle or a setting was rejected; the message is one line."""
