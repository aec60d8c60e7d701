"""Run models on a device: cameras, the loop and its outputs. Never imports TensorFlow.

What ``__all__`` lists is the public API of this package. Everything else is private and may change without notice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cameras.api import open_camera, open_source
    from .label.api import check_labels, near_duplicates
    from .label.check import LabelCheck, LabelMistake
    from .loop.api import run
    from .stream.events import Event, Unreadable
    from .stream.protocols import Sink, Source
    from .telemetry.summary import RunSummary

__all__ = [
    "Event",
    "LabelCheck",
    "LabelMistake",
    "RunSummary",
    "Sink",
    "Source",
    "Unreadable",
    "check_labels",
    "near_duplicates",
    "open_camera",
    "open_source",
    "run",
]
_MODULES = {
    # Imported when a name is first used: commands that need one part do not load the others.
    "Event": ".stream.events",
    "LabelCheck": ".label.check",
    "LabelMistake": ".label.check",
    "RunSummary": ".telemetry.summary",
    "Sink": ".stream.protocols",
    "Source": ".stream.protocols",
    "Unreadable": ".stream.events",
    "check_labels": ".label.api",
    "near_duplicates": ".label.api",
    "open_camera": ".cameras.api",
    "open_source": ".cameras.api",
    "run": ".loop.api",
}

if not TYPE_CHECKING:  # type checkers must refuse a misspelled name

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name], __name__), name)

    def __dir__():
        return list(__all__)
