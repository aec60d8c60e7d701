"""Run all checks of a machine."""

from __future__ import annotations

from collections.abc import Callable

from ..system.host import System
from . import cameras, conflicts, edgetpu, health, packages, permissions, platform_info
from .result import Section

STEPS = len(packages.MODULES) + 2
"""Number of calls of ``step``."""


def examine(system: System, step: Callable[[], None] = lambda: None, tensorflow: bool = False) -> tuple[Section, ...]:
    """Run all checks and return them by subject, calling ``step`` on progress. Imports and drivers run in child processes.

    ``tensorflow``: import TensorFlow, too, which takes seconds; otherwise only its version is read.
    """
    seen = cameras.look(system)
    step()
    found = packages.look(system, step, tensorflow)
    accelerators = edgetpu.checks(system)
    step()
    csi_unusable = seen.csi and bool(seen.lacking)
    return (
        Section("This machine", platform_info.checks(system)),
        Section(
            "Packages",
            (*packages.checks(found, system, csi_unusable), *conflicts.checks(found, system, csi_unusable)),
        ),
        Section("Cameras", (*cameras.checks(seen, found, system), *permissions.checks(system))),
        Section("Accelerator", accelerators),
        Section("Condition", health.checks(system)),
    )
