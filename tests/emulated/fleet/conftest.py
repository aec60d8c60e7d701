"""Five devices and the inventory of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from .hosts import Fleet


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Devices on which nothing of edgevision is installed yet."""
    with ExitStack() as stack:
        yield Fleet(stack, tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="session")
def fleet(plain: Fleet) -> Fleet:
    """Devices that run the model ``one``."""
    plain.bootstrap()
    return plain
