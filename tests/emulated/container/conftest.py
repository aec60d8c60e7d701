"""A container image of the bundled default model, built once, and a place for images that is removed afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .containers import Containers


@pytest.fixture(scope="session")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """Images and containers of their own; the base is Debian's packages."""
    folder = tmp_path_factory.mktemp("containers")
    made = Containers(folder)
    try:
        made.import_base(Path(os.environ["EMULATED_ROOT"]))
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def image(containers: Containers) -> str:
    """Name of the image that a build of ``edgevision bundle --format oci`` makes."""
    return containers.build(containers.make_context())
