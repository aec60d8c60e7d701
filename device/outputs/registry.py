"""The kinds of outputs: one file and one line here each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from edgevision.errors import BadInput, MissingDependency

from .config import OutputConfig
from .kind import Kind

KINDS: Mapping[str, str] = {
    # kind in a spec: module of this package whose KIND describes it
    "jsonl": "jsonl_file",
    "csv": "csv_file",
    "counts": "counts_file",
    "exec": "child_program",
    "snapshots": "snapshots",
    "clips": "clips.output",
    "video": "video.output",
    "webhook": "webhook.output",
    "metrics": "metrics.output",
    "gpio": "gpio.output",
    "mqtt": "mqtt.kind",
    "mqtts": "mqtt.kind",
}


def find(name: str) -> Kind:
    """Return a kind, which must be one of KINDS."""
    return cast(Kind, import_module(f".{KINDS[name]}", __package__).KIND)


def extras_of(configs: Iterable[OutputConfig]) -> tuple[str, ...]:
    """Return the extras of edgevision that outputs need."""
    return tuple(sorted({extra for one in configs for extra in find(one.kind).libraries.values()}))


def require_libraries(config: OutputConfig) -> None:
    """Raise MissingDependency if a library of an output is not installed."""
    for module, extra in find(config.kind).libraries.items():
        if find_spec(module) is None:
            raise MissingDependency(
                f"{config.kind}: needs {module}, which is not installed; install it with: pip install 'edgevision[{extra}]'"
            )


def require_distinct(configs: Iterable[OutputConfig]) -> None:
    """Raise BadInput if two outputs would write the same file, or manage the same files of a folder."""
    seen: dict[tuple[str, Path], str] = {}
    for config in configs:
        target = find(config.kind).target
        if target == "text":
            continue
        what = "file" if target == "file" else config.kind
        path = Path(config.target).absolute()
        if (what, path) in seen:
            raise BadInput(f"{seen[what, path]}: and {config.kind}: both write to {path}; give each a path of its own")
        seen[what, path] = config.kind
