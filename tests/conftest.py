"""Fixtures of all tests: the real models and photos, if present, and the folder of small test files."""

from __future__ import annotations

import gc
import os
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester", "skip_policy"]
"""tests/helpers/skip_policy.py: which skips fail a run."""

# Debian's file system tools live in sbin, which is not on the path of an ordinary user.
os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

# A background job of a shell (nohup make test &) ignores these signals, and so would the processes that tests start and signal.
# A handler keeps ignoring them here, but is not inherited.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

# No deadlines, and no complaint about slow examples: a test must not fail because the machine is busy. A test that sets its
# own health checks would bring the complaint back, so the fixtures that examples share are allowed here, too.
ALLOWED = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
settings.register_profile("edgevision", deadline=None, suppress_health_check=ALLOWED)
settings.load_profile("edgevision")

if find_spec("edgevision") is None:
    pytest.exit("edgevision is not installed in this environment; run: make setup", returncode=4)

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("EDGEVISION_SHARED", ROOT.parent / "shared"))
"""Folder of real models and photos that may not be distributed with the project."""
SURVEY = Path(os.environ.get("EDGEVISION_SURVEY", ROOT.parent / "survey"))
"""Folder of real model files gathered from public repositories, which may not be distributed either."""

# Tests that need root or an emulated board are run by make test-picamera2, test-arm64, test-v4l2 and test-pi.
collect_ignore = [] if os.environ.get("EDGEVISION_EMULATED") else ["emulated"]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder with the real models/ and data/, or skip the test if it is absent."""
    if not (SHARED / "models").is_dir():
        pytest.skip("the real models and photos are not on this machine; set EDGEVISION_SHARED to their folder")
    return SHARED


@pytest.fixture(scope="session")
def survey() -> Path:
    """Return the folder with model files of public repositories, as files/OWNER+NAME/PATH, or skip the test if it is absent."""
    if not SURVEY.is_dir():
        pytest.skip("the real models and photos are not on this machine; set EDGEVISION_SURVEY to the models' folder")
    return SURVEY


@pytest.fixture(scope="session", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep what tests and the processes that they start remember out of the machine's state folder."""
    folder = tmp_path_factory.mktemp("state")
    os.environ["STATE_DIRECTORY"] = str(folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def patient_children() -> None:
    """Keep the children that try model files: more than their 20 s pass between tests, and a new one imports TensorFlow."""
    if find_spec("resource") is not None:
        from edgevision.convert.keras_files import sandbox

        sandbox.IDLE_S = 1800.0


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of small test files."""
    return ROOT / "tests" / "data"


def pytest_collection_finish() -> None:
    """Take the millions of objects of TensorFlow out of the garbage collector's rounds, and start those less often."""
    gc.freeze()
    gc.set_threshold(50_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that need the convert extra if it is not installed."""
    if find_spec("tensorflow") is not None:
        return
    skip = pytest.mark.skip(reason="needs the convert extra: pip install 'edgevision[convert]'")
    for item in items:
        if "tensorflow" in item.keywords:
            item.add_marker(skip)
