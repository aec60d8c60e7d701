"""The report on a model file that ``edgevision inspect`` shows as tables or prints as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engines.probe import probe
from ..errors import BadModel
from ..model_file import model_file
from ..model_file.card_from_metadata import card_hint
from ..model_file.derived_card import DerivedCard, derive
from ..model_file.edgetpu_part import ENTRY as EDGETPU_ENTRY
from ..model_file.model_file import ModelFile
from ..model_file.suitability import unusable
from ..tflite.graph import operators_json, subgraph_count, tensors_json
from ..tflite.signatures import signatures_json
from .compatibility import judge
from .edgetpu_support import readiness
from .layouts_report import layouts_json

if TYPE_CHECKING:
    from ..tflite.metadata import Metadata

SCHEMA = "edgevision.inspect/1"


def inspect(path: str | Path) -> dict[str, Any]:
    """Report what a .tflite holds and what can run it: card, tensors, operators, Edge TPU readiness, compatibility.

    The model is loaded in a child process only, so that a corrupt or malicious file cannot harm this one.

    Args:
        path: Any .tflite, with or without a model card.

    Returns:
        The report as JSON values, in the schema ``edgevision.inspect/1``, as ``edgevision inspect --json`` prints it.

    Raises:
        MissingFile: The file does not exist.
        BadModel: The file is damaged or not a TFLite model.
    """
    path = Path(path)
    file = model_file.read(path, strict=False)
    metadata, graph = file.metadata, file.graph()
    subgraphs = subgraph_count(file.flatbuffer)
    reason = None if file.card is not None and file.card_problem is None else unusable(file, graph)
    opened = _opened(file)
    report = {
        "schema": SCHEMA,
        "path": str(path),
        "bytes": file.file_bytes,
        "sha256": file.sha256,
        "card": file.card.to_json() if file.card else None,
        "metadata": _metadata_json(metadata) if metadata else None,
        "files": [{"name": name, "bytes": len(content)} for name, content in file.files.items()],
        "tensors": tensors_json(graph),
        "operators": operators_json(graph),
        "signatures": signatures_json(file.flatbuffer),
        "all_int8": graph.all_int8,
        "edgetpu": readiness(graph, subgraphs).to_json() | {"part_bytes": _part_bytes(file)},
        "compatibility": judge(file).to_json(),
        "runs_here": _runs_here(file),
        "usable": {"ok": reason is None, "reason": reason},
        "opens_as": _opens_as(opened),
        "layouts": layouts_json(file, None if opened is None else opened.card),
        "notes": notes(file) if reason is None else [f"this model cannot be used: {reason}"],
    }
    return {key: _finite(value) for key, value in report.items()}


def _part_bytes(file: ModelFile) -> int | None:
    """Return the size of the part for the Edge TPU in the file's archive, None if there is none."""
    part = file.files.get(EDGETPU_ENTRY)
    return None if part is None else len(part)


def notes(file: ModelFile) -> list[str]:
    """Return notes for the user: how the file is opened, and what is wrong with it."""
    if file.card_problem is not None:
        return [f"the card cannot be trusted: {file.card_problem}"]
    if file.card is not None:
        return []
    try:
        found = derive(file)
    except BadModel as error:
        text = str(error).removeprefix(f"{file.path}: ")
        return [text if card_hint(file) in text else f"{text}; {card_hint(file)}"]
    return [f"no model card; instead, this is used: {found.said}"]


def _opened(file: ModelFile) -> DerivedCard | None:
    """Return the card with which the file is opened; None if it is refused."""
    try:
        return derive(file) if file.card_problem is None else None
    except BadModel:
        return None


def _metadata_json(metadata: Metadata) -> dict[str, Any]:
    """Return the standard metadata as JSON values; of custom metadata, which are binary, name and size."""
    custom = [{"name": one.name, "bytes": len(one.data)} for one in metadata.custom]
    return asdict(replace(metadata, custom=())) | {"custom": custom}


def _opens_as(found: DerivedCard | None) -> dict[str, Any] | None:
    """Return the task and preprocessing with which the file is opened, and their source; None if it is refused."""
    if found is None:
        return None
    card = found.card
    return {
        "from": found.source,
        "task": card.task,
        "preprocessing": card.preprocessing.to_json(),
        "maker": card.maker,
        "labels": len(card.labels),
    }


def _runs_here(file: ModelFile) -> dict[str, Any]:
    if file.card_problem is not None:
        return {"ok": False, "reason": file.card_problem}
    try:
        probe(file.path)
    except BadModel as error:
        return {"ok": False, "reason": str(error).removeprefix(f"{file.path}: ")}
    return {"ok": True, "reason": None}


def _finite(value: Any) -> Any:
    """Replace NaN and infinite numbers, which a file may contain, by None, since JSON cannot express them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value
