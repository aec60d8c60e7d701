"""What is in a model file, as one report: ``edgevision inspect`` shows it to a person or prints it as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import modelfile
from .compatibility import judge
from .edgetpu import readiness
from .errors import BadModel
from .foreign import mend
from .graph import operators_json, subgraph_count, tensors_json
from .modelfile import ModelFile
from .probe import probe

SCHEMA = "edgevision.inspect/1"


def inspect(path: Path) -> dict[str, Any]:
    """The report ``edgevision.inspect/1`` of any .tflite, as plain values. Raises MissingFile, BadModel."""
    file = modelfile.read(path, strict=False)
    metadata, graph = file.metadata, file.graph()
    subgraphs = subgraph_count(file.flatbuffer)
    report = {
        "schema": SCHEMA,
        "path": str(path),
        "bytes": file.file_bytes,
        "sha256": file.sha256,
        "card": file.card.to_json() if file.card else None,
        "metadata": asdict(metadata) if metadata else None,
        "files": [{"name": name, "bytes": len(content)} for name, content in file.files.items()],
        "tensors": tensors_json(graph),
        "operators": operators_json(graph),
        "all_int8": graph.all_int8,
        "edgetpu": readiness(graph, subgraphs).to_json(),
        "compatibility": judge(file).to_json(),
        "runs_here": _runs_here(file),
        "opens_as": _opens_as(file),
        "notes": notes(file),
    }
    return {key: _finite(value) for key, value in report.items()}


def notes(file: ModelFile) -> list[str]:
    """What its user should know: how the file is opened here, and what is wrong with it."""
    if file.card_problem is not None:
        return [f"the card cannot be trusted: {file.card_problem}"]
    if file.card is not None:
        return []
    try:
        card = file.effective_card()
    except BadModel as error:
        text = str(error).removeprefix(f"{file.path}: ")
        return [text if mend(file) in text else f"{text}; {mend(file)}"]
    return [f"it has no card; by its standard metadata it is run as: {card.task}, {card.rule.describe()}"]


def _opens_as(file: ModelFile) -> dict[str, Any] | None:
    """Task and rule with which the file is opened, and where they come from; None where it is refused."""
    try:
        card = file.effective_card() if file.card_problem is None else None
    except BadModel:
        return None
    if card is None:
        return None
    return {"from": "card" if file.card else "metadata", "task": card.task, "rule": card.rule.to_json()}


def _runs_here(file: ModelFile) -> dict[str, Any]:
    if file.card_problem is not None:
        return {"ok": False, "reason": file.card_problem}
    try:
        probe(file.path)
    except BadModel as error:
        return {"ok": False, "reason": str(error).removeprefix(f"{file.path}: ")}
    return {"ok": True, "reason": None}


def _finite(value: Any) -> Any:
    """The same with null for numbers that JSON has no words for: a file from elsewhere may hold any."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value
