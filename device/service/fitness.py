"""Options that a service cannot use."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

from edgevision.errors import BadInput
from edgevision.settings import AUTO

from ..loop import config_file
from .output_access import unfit_output
from .unit import STATE, hidden

WRITTEN = ("summary", "contact_sheet", "collect", "state")
"""Options that name outputs of the loop."""
ENDS = ("limit",)
"""Options that end the loop, which a service must not do."""


def check_config(given: dict[str, Any], source: Path | None, state: PurePosixPath = STATE) -> None:
    """Reject options that a service cannot use.

    ``source``: the configuration file, for the message. ``state``: the folder that the service can write to. Raises BadInput.
    """
    for name, value in given.items():
        wrong = unfit(name, value, state)
        if wrong is not None:
            raise BadInput(f"{source}: {wrong}" if source else wrong)


def unfit(name: str, value: Any, state: PurePosixPath = STATE) -> str | None:
    """Return why the service cannot use an option, or None.

    It can only write below its state folder, cannot read home directories, and must not end by itself.
    """
    if value is None:
        return None
    if name == "outputs":
        return next((wrong for one in value if (wrong := unfit_output(one, state)) is not None), None)
    if name == "page_tls" and value != AUTO and not PurePosixPath(value).is_absolute():
        return f"page_tls = {value}: use the absolute path on the device, or auto"
    if name in ENDS:
        return f"{name} = {value} would end the service; remove it"
    if name in WRITTEN and not PurePosixPath(os.path.abspath(value)).is_relative_to(state):
        return f"{name} = {value}: the service can only write below {state}; use a path such as {state / name}"
    if name == "source" and config_file.names_file(str(value)) and hidden(PurePosixPath(os.path.abspath(str(value)))):
        return f"source = {value}: the service cannot read home directories or /tmp; move the file to {state}"
    return None
