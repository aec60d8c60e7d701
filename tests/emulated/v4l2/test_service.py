"""The tests of ``make test-service`` on the emulated board, with its real V4L2 device."""

from __future__ import annotations

import pytest

from tools.emulation.board import Board

from ..service.machine import ServiceMachine
from ..service.test_service import *  # noqa: F403  # the same tests, on another machine
from .conftest import MODEL


@pytest.fixture(scope="module")
def machine(board: Board) -> ServiceMachine:
    """The board, with edgevision importable system-wide as after a pip installation."""
    board.run("printf '/opt/edgevision\\n/opt/newest\\n' > /usr/lib/python3/dist-packages/edgevision.pth")
    return ServiceMachine(board, "edgevision", MODEL, "0")
