"""Exports a model to a folder that is a complete offline web app."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.model import open_model
from edgevision.model_file import model_file
from edgevision.model_file.model_file import model_errors
from edgevision.next_command import command

from ..output_folder import Mark, require_replaceable, write_folder
from ..records import Exported
from . import runtime
from .app_files import app_files, version_of
from .browser_model import browser_model
from .facts import SCHEMA, model_facts
from .selftest_cases import make_selftest

if TYPE_CHECKING:
    from edgevision.model import Model
    from edgevision.model_file.model_file import ModelFile

    from ..records import ExportRequest

MARK = Mark(Path("model") / "facts.json", SCHEMA)
MODEL, IMAGES = "model.tflite", "selftest.bin.gz"
PORT = 8088
"""Port on which the app is served unless another one is given."""


def export_web(request: ExportRequest) -> Exported:
    """Write the app of a model. Raises EdgeVisionError."""
    folder = request.output or Path(f"{request.model.stem}-web")
    require_replaceable(folder, MARK, request.overwrite)
    file = model_file.read(request.model)
    with open_model(request.model) as model:
        facts = model_facts(file, model, MODEL)
        test = make_selftest(model, file.files, IMAGES)
        graph = _browser_model(file, model)
    files = {f"model/{MODEL}": graph, f"model/{IMAGES}": test.packed}
    files |= {f"runtime/{name}": data for name, data in runtime.runtime_files(request.options.get("runtime")).items()}
    facts["selftest"] = {**test.facts, "threshold": facts["threshold"]}
    facts["version"] = version_of(files, facts)
    files["model/facts.json"] = json.dumps(facts, ensure_ascii=False, allow_nan=False).encode()
    files |= app_files(facts["name"], facts["version"], list(files))
    write_folder(folder, files)
    return _exported(folder, files, file, facts, test.source, request.model)


def _browser_model(file: ModelFile, model: Model) -> bytes:
    """Return the model as LiteRT.js can run it. Raises BadModel."""
    spec = file.inputs[0]
    outputs = model.engine.infer(np.zeros((1, *spec.shape[1:]), spec.dtype))
    with model_errors(file.path):
        return browser_model(file.flatbuffer, [output.shape for output in outputs])


def _exported(
    folder: Path, files: dict[str, bytes], file: ModelFile, facts: dict[str, Any], source: str, model: Path
) -> Exported:
    cases = facts["selftest"]["cases"]
    summary = f"{facts['name']} as a web app, with a self-test of {len(cases)} images"
    notes = () if source == "model" else (_DRAWN,)
    size = sum(map(len, files.values()))
    serve = command("export", model, "--to", "web", "-o", folder, "--overwrite", "--serve")
    return Exported(
        path=folder,
        files=len(files),
        bytes=size,
        model_sha256=file.sha256,
        task=facts["task"],
        summary=summary,
        next_step=serve,
        notes=notes,
        details={
            "version": facts["version"],
            "runtime": {"name": runtime.CORE.name, "version": runtime.VERSION},
            "selftest": {"images": len(cases), "source": source, "tolerance": facts["selftest"]["tolerance"]},
        },
    )


_DRAWN = "the model file has no self-test that the page can run, so its images are drawn and its answers are those of this machine"
