"""The second start: installs the bundle from the card, beside everything else that starts then.

Attempts are counted before they begin, so that one that takes the machine down is not begun for ever. A bundle that is
refused is not tried again; a service that does not come up is, at the next starts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..base.commands import BOOTED
from ..base.errors import Refused
from ..base.status import Status
from ..release.install import Wish, install
from ..system import ssh, userconf_dialog
from . import cleanup, setup_unit
from .boot_partition import BUNDLE, Device, read_device, take_keys
from .first_boot import make_settings
from .grow_root import grow
from .service_overrides import place_extras
from .setup_state import SetupState
from .wait_for_first_answer import NotRunning, Starter

ATTEMPTS = 3


def setup(
    card: Path,
    root: Path,
    status: Status,
    starter: Starter | None = None,
    cloud_init: Callable[[Device, Path], bool] = cleanup.wait_for_cloud_init,
) -> None:
    """All that is still to do. Raises Refused (final), NotRunning, OSError."""
    state = SetupState.load(root)
    try:
        if state.attempts >= ATTEMPTS and not state.said:
            said = f"the installation was begun {ATTEMPTS} times and never came to its end{_last_words(card)}"
            raise Refused(f"{said}; prepare the card again")
        state.begun().save(root)
        device = read_device(card)
        if not state.said:
            _settings(device, root, status)
            said = _install(card, device, root, status, starter)
            SetupState.load(root).reached(said).save(root)
        _clean(card, device, root, status, cloud_init)
    except NotRunning:
        SetupState.load(root).ended().save(root)  # nobody cut it off: it may try at every start
        raise
    except Refused as error:
        status.failed(str(error))  # before it is off: who would tell it else after a power cut?
        setup_unit.switch_off(root)
        cleanup.blank_settings(card)
        raise


def _last_words(card: Path) -> str:
    """Where the attempt before ended, as the card tells."""
    try:
        told = json.loads((card / "status.json").read_text(encoding="utf-8"))
        return f" (the last time: {told['step']}: {told['message']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _settings(device: Device, root: Path, status: Status) -> None:
    """Those that the first start did not come to, or failed at."""
    state = SetupState.load(root)
    if state.settled and not state.problems:
        return
    make_settings(device, root, status)
    with suppress(Refused, OSError):
        ssh.start_now(root)


def _install(card: Path, device: Device, root: Path, status: Status, starter: Starter | None) -> str:
    """Bundle and service; what was reached, in words."""
    status.step("room", grow(root), device.release)
    status.step("check", "taking over the keys that bundles must be signed with")
    take_keys(card, device, root)
    installed = install(Wish(card / BUNDLE, root, start=False), status)
    status.step("service", "starting the service; it is ready with its first answer")
    place_extras(card, device, root)
    if starter is None and root == Path("/") and BOOTED.exists():
        starter = Starter()
    if starter is None:
        return f"installed {installed.name}; the service starts with the machine"
    starter.start()
    status.step("answer", "reading the first answer from the journal")
    seen = starter.answer()
    return f"the service runs; first answer: {seen or 'the journal does not tell it'}"


def _clean(card: Path, device: Device, root: Path, status: Status, cloud_init: Callable[[Device, Path], bool]) -> None:
    """The card loses the bundle and its secrets; where cloud-init is not done with those, the next start sees to it."""
    status.step("clean", "taking the bundle and the secrets off the card", device.release)
    cleanup.remove(card)
    done = cloud_init(device, root)
    userconf_dialog.cancel(root)
    if done:
        cleanup.blank(card)
    state = SetupState.load(root)
    left = "" if done else "; the passwords stay on the card: cloud-init has not taken them over"
    missing = f"; not set: {'; '.join(state.problems)}" if state.problems else ""
    status.ok(f"{state.said}{missing}{left}")
    if done:
        setup_unit.switch_off(root)
