"""A device with systemd and an SSH server, and bundles for it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from second_systemd import second_systemd

from .device import FOLDER, EmulatedDevice, make_models, wheels


@pytest.fixture(scope="session")
def device() -> Iterator[EmulatedDevice]:
    """A device on which nothing of edgevision is installed yet."""
    cache = Path(os.environ.get("EDGEVISION_CACHE", Path.home() / ".cache" / "edgevision"))
    libraries = wheels(cache)
    with second_systemd("test-deploy") as here:
        here.run(f"mkdir -p {FOLDER}/wheels && cp {shlex.quote(str(libraries))}/*.whl {FOLDER}/wheels")
        make_models(here)
        made = EmulatedDevice(here)
        made.start()
        yield made
