"""Exports a model to a folder for an Android or an iOS app."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.model import open_model
from edgevision.model_file import model_file
from edgevision.model_file.model_file import dump_labels

from ..output_folder import Mark, require_replaceable, write_folder
from ..records import Exported
from .facts import SCHEMA, PhoneFacts, conditions, phone_facts, values
from .model_copy import phone_model
from .template import filled
from .whole_frame import compare

if TYPE_CHECKING:
    from edgevision.model import Model

    from ..records import ExportRequest

MARK = Mark(Path("edgevision.json"), SCHEMA)
SOURCES = "app/src/main/java/com/example/vision"
"""Where an Android project has the code; the folder ``app`` is copied over that of the project."""


def export_android(request: ExportRequest) -> Exported:
    """Write the folder for an Android app. Raises EdgeVisionError."""
    return _export("android", request)


def export_ios(request: ExportRequest) -> Exported:
    """Write the folder for an iOS app. Raises EdgeVisionError."""
    return _export("ios", request)


def _export(to: str, request: ExportRequest) -> Exported:
    folder = request.output or Path(f"{request.model.stem}-{to}")
    require_replaceable(folder, MARK, request.overwrite)
    file = model_file.read(request.model)
    with open_model(request.model) as model:
        data = phone_model(file, model.card)
        whole_frame = compare(model, file.files, request.options.get("images"))
        facts = phone_facts(to, model, data, whole_frame)
        classes = len(model.card.labels) or _scores(model)
    files = _android(facts, data, classes) if to == "android" else _ios(facts, data, classes)
    files[str(MARK.path)] = (json.dumps(facts.to_json(), ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()
    write_folder(folder, files)
    return Exported(
        path=folder,
        files=len(files),
        bytes=sum(map(len, files.values())),
        model_sha256=file.sha256,
        task=facts.card.task,
        summary=f"{facts.card.name or facts.stem} for MediaPipe's {facts.reader}, with code for {_PLATFORMS[to]}",
        next_step=_next_step(to, folder),
        notes=_notes(facts),
        details={key: value for key, value in facts.to_json().items() if key in _DETAILS},
    )


def _scores(model: Model) -> int | None:
    """Return the number of a classifier's scores; None for a detector, whose file does not say it."""
    return None if model.card.task == "detection" else int(model.outputs[0].shape[-1])


def _android(facts: PhoneFacts, data: bytes, classes: int | None) -> dict[str, bytes]:
    """Return path -> content of an Android folder."""
    kind = "detector" if facts.card.task == "detection" else "classifier"
    sources = {
        f"{SOURCES}/ModelInput.kt": "ModelInput.kt",
        f"{SOURCES}/ImageModel.kt": f"ImageModel.{kind}.kt",
        f"{SOURCES}/ModelCamera.kt": "ModelCamera.kt",
        "README.md": "README.md",
    }
    made = _filled(facts, classes, sources)
    assets = "app/src/main/assets/"
    return made | {f"{assets}{facts.stem}.tflite": data} | _labels(facts, assets)


def _ios(facts: PhoneFacts, data: bytes, classes: int | None) -> dict[str, bytes]:
    """Return path -> content of an iOS folder."""
    kind = "detector" if facts.card.task == "detection" else "classifier"
    sources = {
        "ModelInput.swift": "ModelInput.swift",
        "ImageModel.swift": f"ImageModel.{kind}.swift",
        "ModelCamera.swift": "ModelCamera.swift",
        "README.md": "README.md",
    }
    return _filled(facts, classes, sources) | {f"{facts.stem}.tflite": data} | _labels(facts, "")


def _filled(facts: PhoneFacts, classes: int | None, sources: dict[str, str]) -> dict[str, bytes]:
    texts, kept = values(facts, classes), conditions(facts)
    return {path: filled(f"{facts.to}/{name}", texts, kept) for path, name in sources.items()}


def _labels(facts: PhoneFacts, folder: str) -> dict[str, bytes]:
    """Return the labels as a file; MediaPipe reads them from the model file, and the app may want to list them."""
    return {f"{folder}labels.txt": dump_labels(facts.card.labels)} if facts.card.labels else {}


def _next_step(to: str, folder: Path) -> str:
    if to == "android":
        return f"cp -r {shlex.quote(str(folder / 'app'))} YOUR_ANDROID_PROJECT/, then see {folder / 'README.md'}"
    return f"add the files of {folder} to your app in Xcode, as {folder / 'README.md'} says"


def _notes(facts: PhoneFacts) -> tuple[str, ...]:
    resize = facts.card.preprocessing.resize
    if resize == "stretch":
        return ()
    found = facts.whole_frame
    said = f"; without it, {found.describe()}" if found is not None else ""
    return (f"MediaPipe stretches whole images, but this model takes {resize}: the code does it first{said}",)


_PLATFORMS = {"android": "Android (Kotlin, CameraX)", "ios": "iOS (Swift)"}
_DETAILS = ("reader", "threshold", "whole_frame")
