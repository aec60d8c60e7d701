"""A device with systemd and an SSH server, and bundles for it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.emulation.here import Here
from tools.emulation.host import CannotRun

from .device import FOLDER, EmulatedDevice, make_models, wheels


@pytest.fixture(scope="session")
def device() -> Iterator[EmulatedDevice]:
    """A device on which nothing of edgevision is installed yet."""
    cache = Path(os.environ.get("EDGEVISION_CACHE", Path.home() / ".cache" / "edgevision"))
    libraries = wheels(cache)
    here = Here()
    try:
        try:
            here.wait()
        except CannotRun as error:
            if os.environ.get("ALLOW_SKIP") == "1":
                pytest.skip(str(error))
            pytest.fail(f"test-deploy: NOT RUN: {error}; set ALLOW_SKIP=1 to skip it")
        here.run(f"mkdir -p {FOLDER}/wheels && cp {shlex.quote(str(libraries))}/*.whl {FOLDER}/wheels")
        make_models(here)
        made = EmulatedDevice(here)
        made.start()
        yield made
    finally:
        here.close()
