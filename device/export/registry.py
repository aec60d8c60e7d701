"""All targets of ``edgevision export``, by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from edgevision.errors import UsageError

if TYPE_CHECKING:
    from .records import Exported, ExportRequest

    Export = Callable[[ExportRequest], Exported]


class Target(NamedTuple):
    """A target, imported when it is used."""

    function: str
    """Module of this package and function: takes an ExportRequest and returns what was Exported."""
    title: str
    """What is made, for the help."""
    options: frozenset[str] = frozenset()
    """Names of the command's parameters that are only for this target."""


TARGETS = {
    "web": Target(
        "web.export:export_web", "an offline web app", frozenset({"runtime", "serve", "page", "page_tls", "state"})
    ),
    "android": Target("phones.export:export_android", "a folder for an Android app", frozenset({"images"})),
    "ios": Target("phones.export:export_ios", "a folder for an iOS app", frozenset({"images"})),
    "c-array": Target(
        "c_array.export:export_c_array",
        "C++ sources for microcontrollers with TensorFlow Lite Micro",
        frozenset({"io", "ram", "flash"}),
    ),
}


def open_target(name: str) -> Export:
    """Return the function that exports to a target."""
    module, _, function = TARGETS[name].function.partition(":")
    export: Export = getattr(import_module(f".{module}", __package__), function)
    return export


def require_fitting(name: str, given: set[str]) -> None:
    """Raise UsageError if an option of another target was given; ``given``: names of the parameters that were."""
    for other, target in TARGETS.items():
        foreign = sorted((target.options - TARGETS[name].options) & given)
        if foreign:
            option = foreign[0].replace("_", "-")
            raise UsageError(f"--{option} is for --to {other}, got --to {name}; leave it out")
