"""Second boot: install the bundle from the SD card while the rest of the system starts.

Attempts are counted before they start, so that one that crashes the machine is not repeated forever. A rejected bundle
is not tried again; a service that does not start is tried again at the next boots.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..base import strict_json
from ..base.commands import BOOTED
from ..base.errors import Refused
from ..base.status import Status
from ..release.first_answer import NotRunning, Starter
from ..release.install import InstallOptions, install
from ..system import ssh, userconf_dialog
from . import cleanup, setup_unit
from .boot_partition import BUNDLE, Device, read_device, take_keys
from .first_boot import make_settings
from .grow_root import grow
from .service_overrides import place_extras
from .setup_state import SetupState

ATTEMPTS = 3


def setup(
    card: Path,
    root: Path,
    status: Status,
    starter: Starter | None = None,
    cloud_init: Callable[[Device, Path], bool] = cleanup.wait_for_cloud_init,
) -> None:
    """Perform the remaining steps. Raises Refused (final), NotRunning, OSError."""
    state = SetupState.load(root)
    try:
        if state.attempts >= ATTEMPTS and not state.said:
            said = f"the installation was interrupted {ATTEMPTS} times{_last_words(card)}"
            raise Refused(f"{said}; prepare the SD card again")
        state.begun().save(root)
        device = read_device(card)
        if not state.said:
            _settings(device, root, status)
            said = _install(card, device, root, status, starter)
            SetupState.load(root).reached(said).save(root)
        _clean(card, device, root, status, cloud_init)
    except NotRunning:
        SetupState.load(root).ended().save(root)  # not interrupted: it may be tried at every boot
        raise
    except Refused as error:
        status.failed(str(error))  # before the unit is disabled, since after a power cut nothing would report it
        setup_unit.switch_off(root)
        cleanup.blank_settings(card)
        raise


def _last_words(card: Path) -> str:
    """Return where the previous attempt ended, from status.json."""
    try:
        told = strict_json.loads((card / "status.json").read_bytes())
        return f" (last step: {told['step']}: {told['message']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _settings(device: Device, root: Path, status: Status) -> None:
    """Apply the settings that the first boot did not reach or that failed."""
    state = SetupState.load(root)
    if state.settled and not state.problems:
        return
    make_settings(device, root, status)
    with suppress(Refused, OSError):
        ssh.start_now(root)


def _install(card: Path, device: Device, root: Path, status: Status, starter: Starter | None) -> str:
    """Install the bundle, start the service and return a summary."""
    status.step("room", grow(root), device.release)
    status.step("check", "installing the keys that bundles must be signed with")
    take_keys(card, device, root)
    installed = install(InstallOptions(card / BUNDLE, root, start=False), status)
    status.step("service", "starting the service; it is ready after its first prediction")
    place_extras(card, device, root)
    if starter is None and root == Path("/") and BOOTED.exists():
        starter = Starter()
    if starter is None:
        return f"installed {installed.name}; the service starts at boot"
    starter.start()
    status.step("answer", "reading the first prediction from the journal")
    seen = starter.answer()
    return f"the service runs; first prediction: {seen or 'not found in the journal'}"


def _clean(card: Path, device: Device, root: Path, status: Status, cloud_init: Callable[[Device, Path], bool]) -> None:
    """Remove the bundle and the secrets from the SD card; while cloud-init still needs them, leave them to the next boot."""
    status.step("clean", "removing the bundle and the secrets from the SD card", device.release)
    cleanup.remove(card)
    done = cloud_init(device, root)
    userconf_dialog.cancel(root)
    if done:
        cleanup.blank(card)
    state = SetupState.load(root)
    left = "" if done else "; the passwords stay on the SD card: cloud-init has not applied them yet"
    missing = f"; not set: {'; '.join(state.problems)}" if state.problems else ""
    status.ok(f"{state.said}{missing}{left}")
    if done:
        setup_unit.switch_off(root)
