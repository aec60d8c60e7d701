"""Follow an update on a device until the device has decided, across a broken connection and a restart of the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from edgevision.errors import EdgeVisionError, RemoteUnreachable

from .device_info import Installed

POLL_S = 1.0
LOST_S = 60.0
"""Seconds for which a device may not answer during its trial."""
INSTALL_S = 1800.0
"""Longest installation in seconds; a Raspberry Pi 3 takes some minutes."""
START_S = 10.0
"""Seconds until a requested update runs, and after its end until its outcome is written."""


def watch(
    host: str,
    look: Callable[[], Installed],
    step: Callable[[str, str], None],
    before: Installed,
    new: str,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Mapping[str, Any]:
    """Return the outcome, ``edgevision.update/1``. Raises RemoteUnreachable, EdgeVisionError.

    ``before``: the device before the update. ``new``: name of the release. ``step``: is called for each step of the device.
    """
    began = answered = busy = clock()
    shown: tuple[Any, Any] = (None, None)
    while clock() - began < INSTALL_S:
        try:
            found = look()
        except RemoteUnreachable:
            busy = clock()  # when it comes back, its service gets time to start
            if busy - answered > LOST_S:
                raise RemoteUnreachable(
                    f"the connection to {host} broke; the device goes on alone and keeps the new release only if it "
                    f"works; ask later: edgevision deploy status {host}"
                ) from None
            sleep(POLL_S)
            continue
        answered = clock()
        status = found.update_status or {}
        if (status.get("step"), status.get("message")) != shown:
            shown = (status.get("step"), status.get("message"))
            step(str(shown[0]), str(shown[1]))
        if found.outcome is not None:
            return found.outcome
        if found.updating:
            busy = answered
        idle_s = answered - busy
        if idle_s > START_S and (left := _left(found, before, new)) is not None:
            return left
        if idle_s > (LOST_S if found.state == "provisional" else START_S):
            raise EdgeVisionError(
                f"{host}: the update ended without an outcome, with {found.current or 'nothing'} installed; "
                f"see: edgevision deploy logs {host}"
            )
        sleep(POLL_S)
    raise EdgeVisionError(f"{host}: no outcome within {INSTALL_S:g} s")


def _left(found: Installed, before: Installed, new: str) -> Mapping[str, Any] | None:
    """Return the outcome of an update that nobody could write down, as after a power cut; None if none was decided."""
    if found.since == before.since or found.state not in ("confirmed", "reverted", "stopped"):
        return None
    if found.state == "confirmed":
        if found.current != new:
            return None
        reason, old = "", before.current
    else:
        failed = dict(found.bad)
        if new not in failed:
            return None
        reason, old = failed[new], found.current if found.current != new else None
    return {
        "state": found.state,
        "release": {"from": old, "to": new},
        "rate_fps": {"before": before.rate_fps, "after": found.rate_fps if found.state == "confirmed" else None},
        "reason": reason,
    }
