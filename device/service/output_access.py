"""What the configured outputs need from the machine, and whether a service can have it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from edgevision.settings import AUTO

from ..outputs.credentials import credential_name, input_files
from ..outputs.registry import find
from .access import Access
from .unit import STATE, hidden

if TYPE_CHECKING:
    from ..outputs.config import OutputConfig

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def access_of(given: Mapping[str, Any]) -> Access:
    """Return what a loop with these options needs."""
    outputs: tuple[OutputConfig, ...] = given.get("outputs") or ()
    needs = [find(one.kind).needs(one) for one in outputs]
    page = given.get("page")
    urls = any(_URL.match(str(value)) for name, value in given.items() if name != "outputs")
    return Access(
        network=urls or any(one.network for one in needs) or bool(page and not page.is_loopback),
        loopback=any(one.loopback for one in needs) or bool(page),
        devices=_each(device for one in needs for device in one.devices),
        groups=_each(group for one in needs for group in one.groups),
        credentials=tuple((credential_name(Path(path)), PurePosixPath(path)) for path in device_files(given)),
        optional_credentials=_each(one.credential for one in needs if one.credential is not None),
    )


def device_files(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the absolute paths of the files that outputs and page read, such as one with a password."""
    page_tls = given.get("page_tls")
    files = [str(path) for one in given.get("outputs") or () for path in input_files(one)]
    files += [] if page_tls in (None, AUTO) else [page_tls]
    return _each(map(os.path.abspath, files))


def unfit_output(config: OutputConfig, state: PurePosixPath = STATE) -> str | None:
    """Return why a service cannot use an output, or None. ``state``: the folder that the service can write to."""
    kind = find(config.kind)
    needs, shown = kind.needs(config), kind.shown(config)
    for path in needs.writes:
        if not PurePosixPath(os.path.abspath(path)).is_relative_to(state):
            there = state / (PurePosixPath(path).name or config.kind)
            return f"output {shown}: the service can only write below {state}; use a path such as {there}"
    for program in needs.programs:
        if not PurePosixPath(program).is_absolute():
            return f"output {shown}: give the program's absolute path on the device, such as /usr/local/bin/{program}"
        if hidden(PurePosixPath(os.path.normpath(program))):
            return (
                f"output {shown}: the service cannot read home directories or /tmp; move the program to /usr/local/bin"
            )
    return None


def _each(values: Iterable[str]) -> tuple[str, ...]:
    """Return the values without repetitions, in their order."""
    return tuple(dict.fromkeys(values))
