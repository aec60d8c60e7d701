"""A second instance of this machine's systemd, with a model for the service."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator

import pytest

from tools.emulation.here import Here
from tools.emulation.host import REPO, CannotRun

from .machine import ServiceMachine


@pytest.fixture(scope="session")
def machine() -> Iterator[ServiceMachine]:
    """A booted machine with a model and the test camera."""
    here = Here()
    try:
        try:
            here.wait()
        except CannotRun as error:
            if os.environ.get("ALLOW_SKIP") == "1":
                pytest.skip(str(error))
            pytest.fail(f"test-service: NOT RUN: {error}; set ALLOW_SKIP=1 to skip it")
        edgevision = f"{shlex.quote(sys.executable)} -m edgevision"
        here.run("printf 'red\\ngreen\\nblue\\n' > /tmp/labels.txt")
        bare = shlex.quote(str(REPO / "tests" / "data" / "tiny.tflite"))
        here.run(f"{edgevision} card {bare} --resize stretch --labels /tmp/labels.txt -o /tmp/colors.tflite")
        yield ServiceMachine(here, edgevision, "/tmp/colors.tflite", "test:")
    finally:
        here.close()
