"""What ``edgevision doctor`` says of the loops of this machine, where there are several."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgevision.errors import EdgeVisionError
from edgevision.files.url_secrets import masked

from ..doctor.result import Check, Section
from ..installer.base.conflicts import Claims
from ..installer.base.loop import Loop
from .loops import claims, installed_loops, options_of


def section(root: Path = Path("/")) -> Section | None:
    """Return one check for each loop; None for a machine with one loop or none."""
    loops = installed_loops(root)
    if len(loops) < 2:
        return None
    read: dict[Loop, Claims] = {}
    checks = []
    for loop in loops:
        try:
            read[loop] = claims(options_of(root, loop))
        except (EdgeVisionError, OSError) as error:
            checks.append(Check(loop.service, None, f"its configuration cannot be read: {error}", needed=False))
            continue
        checks.append(_check(loop, read))
    return Section("Loops", tuple(checks))


def _check(loop: Loop, read: Mapping[Loop, Claims]) -> Check:
    """Return whether a loop can run beside those before it."""
    mine = read[loop]
    for other, theirs in read.items():
        wrong = None if other == loop else mine.conflict(theirs, other.service)
        if wrong is not None:
            return Check(
                loop.service, False, wrong, fix=f"edit its configuration, then: systemctl restart {loop.service}"
            )
    ports = "".join(f", port {one.port} ({one.what})" for one in mine.listening)
    return Check(loop.service, True, f"camera {masked(mine.camera)}{ports}")
