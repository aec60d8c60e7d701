"""Topics of one camera, and the part of a topic that stands for a label."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from edgevision.records import record

MAX_SLUG = 64
MAX_SLUGS = 1000
"""Number of labels that get topics; a model may have many more."""
_OTHER = re.compile(r"[^a-z0-9]+")


@record
class Topics:
    """Topics of a camera, below ``PREFIX/NAME``."""

    base: str
    name: str
    discovery_prefix: str

    def of(self, *levels: str) -> str:
        """Return a topic below the base."""
        return "/".join((self.base, *levels))

    @property
    def availability(self) -> str:
        """online or offline."""
        return self.of("availability")

    @property
    def commands(self) -> str:
        """Filter of the topics of commands."""
        return self.of("set", "+")

    @property
    def device_id(self) -> str:
        """Identifier of the device in Home Assistant."""
        return f"edgevision_{self.name}"

    @property
    def discovery(self) -> str:
        """Where Home Assistant finds the device."""
        return f"{self.discovery_prefix}/device/{self.device_id}/config"

    @property
    def birth(self) -> str:
        """Where Home Assistant reports that it started."""
        return f"{self.discovery_prefix}/status"


def slug(label: str) -> str:
    """Return a label as lowercase letters, digits and ``_``; different labels may have the same slug."""
    letters = unicodedata.normalize("NFKD", label[: 4 * MAX_SLUG]).encode("ascii", "ignore").decode().lower()
    return _OTHER.sub("_", letters).strip("_")[:MAX_SLUG].strip("_")


class Slugs:
    """Gives every label a slug of its own: the second label with the same slug gets a suffix made from its text."""

    def __init__(self, labels: Iterable[str]) -> None:
        """``labels``: all labels of the model, in order, so that slugs stay the same from run to run."""
        self._of: dict[str, str] = {}
        self._taken: set[str] = set()
        for label in labels:
            self._add(label)
        self._limit = len(self._of) + MAX_SLUGS

    def of(self, label: str) -> str | None:
        """Return the slug of a label; None if there are too many labels that the model does not list."""
        if label not in self._of and len(self._of) >= self._limit:
            return None
        return self._of.get(label) or self._add(label)

    def _add(self, label: str) -> str:
        if label not in self._of:
            plain = made = slug(label)
            digest = hashlib.sha256(label.encode("utf-8", "surrogatepass")).hexdigest()
            for length in (8, 16, 64):
                if made and made not in self._taken:
                    break
                made = f"{plain or 'label'}_{digest[:length]}"
            self._taken.add(made)
            self._of[label] = made
        return self._of[label]
