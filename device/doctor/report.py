"""Run all checks of a machine."""

from __future__ import annotations

from collections.abc import Callable

from . import accelerator, cameras, clashes, computer, condition, packages, rights
from .check import Section
from .system import System

STEPS = len(packages.MODULES) + 2
"""Number of calls of ``step``."""


def examine(system: System, step: Callable[[], None] = lambda: None) -> tuple[Section, ...]:
    """Run all checks and return them by subject, calling ``step`` on progress. Imports and drivers run in child processes."""
    seen = cameras.look(system)
    step()
    found = packages.look(system, step)
    accelerators = accelerator.checks(system)
    step()
    csi_unusable = seen.csi and bool(seen.lacking)
    return (
        Section("This machine", computer.checks(system)),
        Section(
            "Packages",
            (*packages.checks(found, system, csi_unusable), *clashes.checks(found, system, csi_unusable)),
        ),
        Section("Cameras", (*cameras.checks(seen, found, system), *rights.checks(system))),
        Section("Accelerator", accelerators),
        Section("Condition", condition.checks(system)),
    )
