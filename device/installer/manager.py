"""``manager.pyz VERB``: what the unit and ``edgevision deploy`` call on a device.

before-start, ready, ended    around each start of the service, by its unit
remote                        one request on standard input, by ``edgevision deploy`` through sudo
run-update                    the update that was requested, in a unit of its own
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from .base.errors import Refused
from .base.status import complain, journal, reason, say
from .release.first_answer import NotRunning

SYSTEM = Path("/")
MAX_REQUEST = 2**16


def manage(verb: str) -> int:
    """Carry out a verb and return the exit code: 0 done, 1 refused or failed."""
    os.umask(0o022)  # the service runs as another user and must be able to read the files
    try:
        VERBS[verb]()
    except (Refused, NotRunning, OSError) as error:
        complain(reason(error) if isinstance(error, OSError) else str(error))
        return 1
    return 0


def _before_start() -> None:
    from .release.guard import before_start

    said = before_start(SYSTEM)
    if said:
        journal(said)


def _ready() -> None:
    from .release.guard import ready

    ready(SYSTEM)


def _ended() -> None:
    from .release.guard import ended
    from .release.health import RUNTIME

    ended(SYSTEM, os.environ, RUNTIME)


def _remote() -> None:
    from .remote.actions import serve

    say(json.dumps(serve(sys.stdin.buffer.read(MAX_REQUEST + 1))))


def _run_update() -> None:
    from .remote.actions import run_update

    run_update()


VERBS: dict[str, Callable[[], None]] = {
    "before-start": _before_start,
    "ready": _ready,
    "ended": _ended,
    "remote": _remote,
    "run-update": _run_update,
}
