"""Photos without labels: those from which a network with a teacher learns too, and negatives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from edgevision.datasets.dataset import Item
from edgevision.errors import BadImage

from ..monitor.observer import TrainingObserver


def usable(
    items: Sequence[Item], labeled: Iterable[Item], watcher: TrainingObserver, subject: str = "photos without labels"
) -> tuple[Item, ...]:
    """Return the readable images that are not copies of labeled ones or of each other, and report the others.

    ``subject``: what the images are, for the report.
    """
    known = {_digest(item) for item in labeled} if items else set()
    found, copies, bad = [], 0, []
    with watcher.stage(f"Checking {subject}", len(items)) as step:
        for number, item in enumerate(items, 1):
            digest = _digest(item)
            if digest in known:
                copies += 1
            else:
                known.add(digest)
                try:
                    item.read()
                    found.append(item)
                except BadImage:
                    bad.append(item.path)
            step(number)
    if copies:
        watcher.note(f"{subject}: left out {copies} that are copies of other photos")
    if bad:
        watcher.note(f"{subject}: skipped {len(bad)} that cannot be read, such as {bad[0]}")
    return tuple(found)


def _digest(item: Item) -> str:
    return sha256(item.data()).hexdigest()
