"""The annotation formats of boxes that can be read. To add one, write its reader and list it here."""

from __future__ import annotations

from . import pascal_voc

FORMATS = (pascal_voc.FORMAT,)
"""In the order in which they are looked for; of several in one folder, the first is used."""
