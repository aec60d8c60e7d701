"""A second systemd for the tests of one target, or the reason why they were not run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tools.emulation.here import Here
from tools.emulation.host import CannotRun


@contextmanager
def second_systemd(target: str, network: bool = False) -> Iterator[Here]:
    """Boot a system, yield it and end it.

    ``target``: make target for the message if it cannot run here. ``network``: see ``Here``.
    """
    here = Here(network)
    try:
        try:
            here.wait()
        except CannotRun as error:
            if os.environ.get("ALLOW_SKIP") == "1":
                pytest.skip(str(error))
            pytest.fail(f"{target}: NOT RUN: {error}; set ALLOW_SKIP=1 to skip it")
        yield here
    finally:
        here.close()
