"""A second instance of this machine's systemd, with a model for the service."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator

import pytest
from second_systemd import second_systemd

from tools.emulation.host import REPO

from .machine import ServiceMachine


@pytest.fixture(scope="session")
def machine() -> Iterator[ServiceMachine]:
    """A booted machine with a model and the test camera."""
    with second_systemd("test-service") as here:
        edgevision = f"{shlex.quote(sys.executable)} -m edgevision"
        here.run("printf 'red\\ngreen\\nblue\\n' > /tmp/labels.txt")
        bare = shlex.quote(str(REPO / "tests" / "data" / "tiny.tflite"))
        here.run(f"{edgevision} card {bare} --resize stretch --labels /tmp/labels.txt -o /tmp/colors.tflite")
        yield ServiceMachine(here, edgevision, "/tmp/colors.tflite", "test:")
