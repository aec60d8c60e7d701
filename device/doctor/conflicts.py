"""Checks for pairs of packages that do not work together.

The error of the package that fails never names the other one, so the pair gets a check of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..system.host import System
from .packages import OPENCVS, Packages
from .result import Check


def checks(found: Packages, system: System, picamera_needed: bool) -> tuple[Check, ...]:
    """Return one check for each conflicting pair, or one passed check if there is none.

    ``picamera_needed``: there is a camera that only picamera2 can open.
    """
    clashes = [check for rule in RULES for check in rule(found, system)]
    clashes += _old_picamera_new_numpy(found, system, picamera_needed)
    return tuple(clashes) or (Check("versions", True, "no known conflicts between packages"),)


def _two_opencvs(found: Packages, _: System) -> Iterator[Check]:
    """Find several OpenCV packages, which overwrite each other's files."""
    there = [name for name in OPENCVS if name in found.versions]
    if len(there) > 1:
        yield Check(
            "OpenCV twice",
            False,
            f"{' and '.join(f'{name} {found.versions[name]}' for name in there)} are both installed and share the folder cv2",
            expected="only one of them",
            fix=f"pip uninstall -y {' '.join(there)} && pip install opencv-python-headless",
            needed=not found.tried["OpenCV"].works,
        )


def _new_opencv_old_numpy(found: Packages, system: System) -> Iterator[Check]:
    """Find OpenCV 5, whose wheels are built for numpy 2, with numpy 1."""
    opencv = next((found.versions[name] for name in OPENCVS if name in found.versions), "")
    if _major(opencv) >= 5 and _numpy(found) == 1:
        yield Check(
            "OpenCV and numpy",
            False,
            f"OpenCV {opencv} needs numpy 2, numpy is {found.versions['numpy']}",
            expected="OpenCV 4 with numpy 1, or OpenCV 5 with numpy 2",
            fix=OLDER if _bookworm(system) else "pip install 'numpy>=2'",
            needed=not found.tried["OpenCV"].works,
        )


def _old_runtime_new_numpy(found: Packages, _: System) -> Iterator[Check]:
    """Find tflite-runtime, which up to 2.14 is built for numpy 1, with numpy 2."""
    if "tflite-runtime" in found.versions and _numpy(found) >= 2:
        yield Check(
            "tflite-runtime and numpy",
            False,
            f"tflite-runtime {found.versions['tflite-runtime']} needs numpy 1, numpy is {found.versions['numpy']}",
            expected="LiteRT with numpy 2, or tflite-runtime with numpy 1",
            fix="pip uninstall -y tflite-runtime && pip install ai-edge-litert",
            needed=not found.tried["LiteRT"].works,
        )


def _old_picamera_new_numpy(found: Packages, system: System, needed: bool) -> Iterator[Check]:
    """Find numpy 2 with Bookworm's picamera2, which imports a simplejpeg built for numpy 1."""
    problem = found.tried["picamera2"].problem
    about_numpy = "numpy.dtype size changed" in problem or "_ARRAY_API" in problem or "NumPy 1.x" in problem
    if _numpy(found) >= 2 and (about_numpy or (_bookworm(system) and problem)):
        yield Check(
            "picamera2 and numpy",
            False,
            f"this system's picamera2 (its simplejpeg) needs numpy 1, numpy is {found.versions['numpy']}",
            expected="numpy 1 with OpenCV 4 on Bookworm",
            fix=OLDER,
            needed=needed,
        )


OLDER = "pip install 'numpy<2' 'opencv-python-headless<4.12'"
RULES: tuple[Callable[[Packages, System], Iterator[Check]], ...] = (
    _two_opencvs,
    _new_opencv_old_numpy,
    _old_runtime_new_numpy,
)


def _bookworm(system: System) -> bool:
    return system.release.get("VERSION_CODENAME") == "bookworm"


def _numpy(found: Packages) -> int:
    return _major(found.versions.get("numpy", ""))


def _major(version: str) -> int:
    first = version.partition(".")[0]
    return int(first) if first.isdecimal() else 0
