"""Tell whether the loop of this container works, by health.json: the command behind HEALTHCHECK of an image.

python -m edgevision.device.service.health_check    exit code 0: frames are recognized; 1, with the reason: they are not
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ..installer.release.health import FILE, RUNTIME, read_health

OLD_S = 60.0
"""Age in seconds from which health.json says nothing: it is written every 5 s, in a still scene at least every 30 s."""


def problem(folder: Path, now: float) -> str | None:
    """Return why the loop does not work; None: it does. ``now``: in seconds since 1970."""
    try:
        written = (folder / FILE).stat().st_mtime
    except OSError:
        return f"no frame was recognized yet: {folder / FILE} does not exist"
    health = read_health(folder)
    if health is None:
        return f"{folder / FILE} cannot be read"
    if health.waiting_for is not None:
        return f"waiting for {health.waiting_for}"
    if now - written > OLD_S:
        return f"no frame was recognized for {now - written:.0f} s"
    return None


def main() -> None:
    """End with exit code 1 and the reason if the loop does not work."""
    found = problem(Path(os.environ.get("RUNTIME_DIRECTORY", str(RUNTIME))), time.time())
    if found is not None:
        sys.exit(f"edgevision: {found}")


if __name__ == "__main__":
    main()
