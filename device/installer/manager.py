"""``manager.pyz VERB``: what the unit and ``edgevision deploy`` call on a device.

before-start, ready, ended    around each start of the service, by its unit; with the name of the loop, if it has one
remote                        one request on standard input, by ``edgevision deploy`` through sudo
run-update                    the update that was requested, in a unit of its own
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .base.errors import Refused
from .base.loop import Loop, named
from .base.status import complain, journal, reason, say
from .release.first_answer import NotRunning

SYSTEM = Path("/")
MAX_REQUEST = 2**16


def is_call(arguments: Sequence[str]) -> bool:
    """Return whether a command line is one of the manager."""
    return bool(arguments) and arguments[0] in VERBS and len(arguments) <= (2 if arguments[0] in OF_LOOP else 1)


def manage(verb: str, name: str | None = None) -> int:
    """Carry out a verb and return the exit code: 0 done, 1 refused or failed. ``name``: of the loop."""
    os.umask(0o022)  # the service runs as another user and must be able to read the files
    try:
        VERBS[verb](named(name))
    except (Refused, NotRunning, OSError) as error:
        complain(reason(error) if isinstance(error, OSError) else str(error))
        return 1
    return 0


def _before_start(loop: Loop) -> None:
    from .release.guard import before_start

    said = before_start(SYSTEM, loop=loop)
    if said:
        journal(said)


def _ready(loop: Loop) -> None:
    from .release.guard import ready

    ready(SYSTEM, loop)


def _ended(loop: Loop) -> None:
    from .release.guard import ended

    ended(SYSTEM, os.environ, loop.runtime, loop)


def _remote(_: Loop) -> None:
    from .remote.actions import serve

    say(json.dumps(serve(sys.stdin.buffer.read(MAX_REQUEST + 1))))


def _run_update(_: Loop) -> None:
    from .remote.actions import run_update

    run_update()


OF_LOOP = ("before-start", "ready", "ended")
VERBS: dict[str, Callable[[Loop], None]] = {
    "before-start": _before_start,
    "ready": _ready,
    "ended": _ended,
    "remote": _remote,
    "run-update": _run_update,
}
