"""Shared by all tests: real models and photos where they are present, and a place for the tiny model."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine must not fail a test: no time is ever asserted.
settings.register_profile("edgevision", deadline=None)
settings.load_profile("edgevision")

if find_spec("edgevision") is None:
    pytest.exit("edgevision is not installed here; run: make setup", returncode=4)

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("EDGEVISION_SHARED", ROOT.parent / "shared"))
"""Real models and photos that cannot be passed on with the project."""

# What needs a root or a board of its own is run by make test-picamera2, test-arm64, test-v4l2 and test-pi.
collect_ignore = [] if os.environ.get("EDGEVISION_EMULATED") else ["emulated"]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real models/ and data/; the test is skipped where it is absent."""
    if not (SHARED / "models").is_dir():
        pytest.skip("the real models and photos are not on this machine (EDGEVISION_SHARED names their folder)")
    return SHARED


@pytest.fixture(scope="session")
def data() -> Path:
    """The small files that the tests bring along."""
    return ROOT / "tests" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need the convert extra are skipped, with the reason, where it is not installed."""
    if find_spec("tensorflow") is not None:
        return
    skip = pytest.mark.skip(reason="needs the convert extra: pip install 'edgevision[convert]'")
    for item in items:
        if "tensorflow" in item.keywords:
            item.add_marker(skip)
