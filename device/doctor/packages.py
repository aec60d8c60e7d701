"""Checks of the libraries, each imported in a child process, so that one that crashes or hangs is only a failed check.

TensorFlow alone is imported only if asked for or if nothing else can run a model: it takes seconds and 600 MB.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from edgevision.log import Log

from ..system.host import ProcessResult, System, how_it_ended
from .result import Check

log = Log("edgevision.doctor")
TIMEOUT_S = 60.0
"""Seconds for one import; a busy Pi Zero 2 imports the slowest library in about 10 s."""
AT_ONCE = 2
"""Imports at the same time; a small Pi has no memory for more."""
HIDDEN = "installed by apt, but not visible in this virtual environment"
_TRY = """
import importlib, sys
module = importlib.import_module(sys.argv[1])
version = getattr(module, "__version__", "") or getattr(sys.modules[sys.argv[1].partition(".")[0]], "__version__", "")
print("imported", version)
"""
MODULES = {
    # name shown: module, names of the distribution
    "numpy": ("numpy", ("numpy",)),
    "OpenCV": ("cv2", ()),
    "LiteRT": ("ai_edge_litert.interpreter", ("ai-edge-litert",)),
    "tflite-runtime": ("tflite_runtime.interpreter", ("tflite-runtime",)),
    "picamera2": ("picamera2", ("picamera2",)),
    "TensorFlow": ("tensorflow", ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos")),
}
RUNTIMES = ("LiteRT", "tflite-runtime")
"""Libraries that run models on a device; TensorFlow does, too, if neither is there."""
ONLY_ON_HOSTS = {"TensorFlow": "not installed; only train and convert need it: pip install 'edgevision[convert]'"}
"""What is said of libraries that a device does not need."""
OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
"""Distributions that all install into the folder cv2."""
VENV = "/usr/bin/python3 -m venv --system-site-packages .venv"
"""apt's packages are for the system's Python, and visible only in a virtual environment with --system-site-packages."""
INSTALL = {
    "numpy": "pip install numpy",
    "OpenCV": "pip install opencv-python-headless",
    "LiteRT": "pip install ai-edge-litert",
    "tflite-runtime": "pip install tflite-runtime",
    "picamera2": f"sudo apt install python3-picamera2, then {VENV}",
    "TensorFlow": "pip install tensorflow",
}
INSTALL_32 = {"numpy": "sudo apt install python3-numpy", "OpenCV": "sudo apt install python3-opencv"}
"""How to install what PyPI does not have for a 32-bit system."""
_DISTRIBUTIONS = """
import json
from importlib import metadata
print(json.dumps({d.metadata["Name"].lower(): d.version for d in metadata.distributions() if d.metadata["Name"]}))
"""


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of importing one library, or of reading its version."""

    version: str | None
    """Version of the library; None if the import failed, empty if the library does not state one."""
    problem: str = ""
    """Why the import failed; empty if the library is not installed."""
    imported: bool = True
    """Whether the library was imported; otherwise only its version was read."""

    @property
    def works(self) -> bool:
        """Whether the import succeeded."""
        return self.imported and self.version is not None


@dataclass(frozen=True, slots=True)
class Packages:
    """The libraries that are installed and whether they work."""

    tried: dict[str, Tried]
    """Results by the names of ``MODULES``."""
    versions: dict[str, str]
    """Versions of all installed distributions, by name in lower case."""


def look(system: System, step: Callable[[], None] = lambda: None, tensorflow: bool = False) -> Packages:
    """Import the libraries, calling ``step`` after each. ``tensorflow``: import TensorFlow, too."""
    known = _versions(system)

    def one(name: str) -> Tried:
        module, distributions = MODULES[name]
        tried = _tried(module, system.child([sys.executable, "-P", "-c", _TRY, module], TIMEOUT_S))
        log.debug("import %s: %s", module, tried.version or tried.problem or "not installed")
        step()
        return _with_version(tried, known, distributions or OPENCVS)

    quick = [name for name in MODULES if name != "TensorFlow"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        named = dict(zip(quick, pool.map(one, quick), strict=True))
    version = _version_of(known, MODULES["TensorFlow"][1])
    if version and not tensorflow and any(named[name].works for name in RUNTIMES):
        step()
        return Packages({**named, "TensorFlow": Tried(version, imported=False)}, known)
    return Packages({**named, "TensorFlow": one("TensorFlow")}, known)


def checks(found: Packages, system: System, picamera_needed: bool) -> tuple[Check, ...]:
    """Return one check for each library. ``picamera_needed``: there is a camera that only picamera2 can open."""
    runs = any(found.tried[name].works for name in (*RUNTIMES, "TensorFlow"))
    narrow = system.pointer_bits == 32
    needed = {
        "numpy": True,
        "OpenCV": True,
        "LiteRT": not runs and not narrow,
        "tflite-runtime": not runs and narrow,
        "picamera2": picamera_needed,
        "TensorFlow": False,
    }
    install = INSTALL | (INSTALL_32 if narrow else {})
    found = _with_hidden_picamera(found, system)
    return tuple(_check(name, found, needed[name], install[name]) for name in MODULES)


def _with_hidden_picamera(found: Packages, system: System) -> Packages:
    """Mark picamera2 as hidden if apt installed it and this Python does not see it."""
    there = system.path("/usr/lib/python3/dist-packages/picamera2").is_dir()
    if found.tried["picamera2"] != Tried(None) or not there:
        return found
    hidden = Tried(None, HIDDEN)
    return replace(found, tried={**found.tried, "picamera2": hidden})


def _check(name: str, found: Packages, needed: bool, install: str) -> Check:
    tried = found.tried[name]
    if tried.works:
        return Check(name, True, tried.version or "works", needed=needed)
    if not tried.imported:
        return Check(name, True, f"{tried.version} is installed; import it with --tensorflow to test it", needed=needed)
    if tried.problem:
        return Check(name, False, tried.problem, expected="imports", fix=_mend(name, found), needed=needed)
    return Check(
        name,
        False if needed else None,
        ONLY_ON_HOSTS.get(name, "not installed"),
        expected="installed" if needed else None,
        fix=install if needed else None,
        needed=needed,
    )


def _mend(name: str, found: Packages) -> str:
    """Return how to fix a failed import; conflicting versions have a check of their own with a better fix."""
    problem = found.tried[name].problem
    if "libGL.so" in problem or "libgthread" in problem:
        return "pip uninstall -y opencv-python && pip install --force-reinstall opencv-python-headless"
    if problem == HIDDEN:
        return VENV
    if name == "picamera2":
        return "sudo apt install --reinstall python3-picamera2 python3-libcamera"
    return f"pip install --force-reinstall {INSTALL[name].rpartition(' ')[2]}"


def _tried(module: str, answer: ProcessResult) -> Tried:
    lines = [line for line in answer.out.splitlines() if line.startswith("imported")]
    if answer.status == 0 and lines:
        return Tried(lines[-1].removeprefix("imported").strip())
    how = how_it_ended(answer, "importing it", TIMEOUT_S)
    if how.startswith("ModuleNotFoundError") and f"'{module.partition('.')[0]}'" in how:
        return Tried(None)
    return Tried(None, how)


def _versions(system: System) -> dict[str, str]:
    answer = system.child([sys.executable, "-P", "-c", _DISTRIBUTIONS], TIMEOUT_S)
    try:
        return {str(name): str(version) for name, version in json.loads(answer.out).items()}
    except (ValueError, AttributeError):
        return {}


def _with_version(tried: Tried, known: dict[str, str], distributions: Iterable[str]) -> Tried:
    """Fill in the distribution's version if the library itself does not state one."""
    return tried if tried.version != "" else Tried(_version_of(known, distributions))


def _version_of(known: dict[str, str], distributions: Iterable[str]) -> str:
    """Return the version of the first of these distributions that is installed, or an empty string."""
    return next((known[name] for name in distributions if name in known), "")
