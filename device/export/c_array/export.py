"""Exports a model to C++ sources for TensorFlow Lite Micro."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.byte_sizes import format_bytes
from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel
from edgevision.input_file import open_file
from edgevision.model import open_model
from edgevision.model_file import model_file
from edgevision.model_file.model_file import model_errors
from edgevision.postprocessing import score_calibration
from edgevision.preprocessing import transform
from edgevision.selftest import check
from edgevision.tflite.graph import read_graph, subgraph_count

from ..output_folder import require_free, write_folder
from ..records import Exported
from . import trial
from .arena import estimate_arena
from .c_text import identifier
from .facts import Arena, MicroFacts, SelfTestImage
from .micro_model import micro_model
from .operators import methods, problems
from .selftest_images import choose_frames
from .sources import MARK, TOLERANCE, source_files
from .stored_values import stored_bytes, with_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgevision.model import Model
    from edgevision.model_file.card import ModelCard
    from edgevision.model_file.model_file import ModelFile
    from edgevision.tflite.graph import Graph
    from edgevision.types import Tensor, TensorSpec

    from ..records import ExportRequest

SCORED = ("classification", "multilabel", "points")
"""Tasks whose first output can be compared value by value: scores of classes."""


def export_c_array(request: ExportRequest) -> Exported:
    """Write the sources of a model. Raises EdgeVisionError."""
    folder = request.output or Path(f"{request.model.stem}-c")
    require_free(folder, is_export, request.overwrite, "an exported C array")
    file = model_file.read(request.model)
    with open_model(request.model) as opened:  # a child process tries a new file, so that it can be opened below, too
        card = opened.card
        _require_selftest(opened, file)
    _refuse_unfit(file, card)
    frames, source = choose_frames(card, file.files)
    given = [transform.prepare(frame, card.preprocessing, file.inputs[0]) for frame in frames]
    expected = _answers(file.flatbuffer, given)
    with model_errors(file.path):
        model = micro_model(file.flatbuffer, request.options.get("io"), [one.shape for one in expected[0]])
    graph = read_graph(model)
    _refuse_operators(file, graph)
    inputs = [with_end(one, file.inputs[0], graph.input_specs[0]) for one in given]
    answers = _answers(model, inputs)
    _require_same(file, graph.output_specs, expected, answers)
    _require_room(file.path, "flash", len(model), request.options.get("flash"), "")
    tried = trial.try_model(model, inputs, file.path) if trial.is_installed() else None
    arena = Arena(estimate_arena(graph), "") if tried is None else Arena(tried.arena_bytes, tried.version)
    _require_room(file.path, "ram", arena.bytes, request.options.get("ram"), f" ({arena.origin})")
    final = answers if tried is None else tried.answers
    facts = MicroFacts(
        name=identifier(card.name or file.path.stem),
        source=file.path.name,
        sha256=file.sha256,
        card=card,
        model=model,
        input=_fixed(graph.input_specs[0], inputs[0]),
        outputs=tuple(_fixed(spec, one) for spec, one in zip(graph.output_specs, answers[0], strict=True)),
        stored=stored_bytes(card.preprocessing, file.inputs[0], graph.input_specs[0]),
        methods=tuple(methods(graph)),
        arena=arena,
        tests=tuple(SelfTestImage(*one) for one in zip(inputs, final, strict=True)) if card.task in SCORED else (),
    )
    worst = None if tried is None or not facts.tests else _require_near(file, facts, answers)
    files = source_files(facts)
    write_folder(folder, files)
    return _exported(folder, files, file, facts, {"images": len(inputs), "source": source, "largest_difference": worst})


def is_export(folder: Path) -> bool:
    """Return whether a folder holds an exported C array and nothing else."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    paths = list(folder.iterdir())
    return bool(paths) and all(path.suffix in (".h", ".cc") and _has_mark(path) for path in paths)


def _has_mark(path: Path) -> bool:
    try:
        with open_file(path, "source") as stream:
            return stream.read(len(MARK)) == MARK.encode()
    except OSError:  # MissingFile is one, too
        return False


def _refuse_unfit(file: ModelFile, card: ModelCard) -> None:
    """Raise BadModel for a model whose answers are not its outputs alone, or that has several graphs."""
    if card.task == "anomaly":
        raise BadModel(
            f"{file.path}: --to c-array cannot export a model that finds anomalies: it compares with a core set outside of its "
            "graph; run it with edgevision run"
        )
    if score_calibration.find(file.metadata, file.files) is not None:
        raise BadModel(
            f"{file.path}: --to c-array cannot apply the score calibration in its metadata; export the model without it"
        )
    graphs = subgraph_count(file.flatbuffer)
    if graphs > 1:
        raise BadModel(f"{file.path}: --to c-array needs a model with one graph, but this one has {graphs}")


def _require_selftest(opened: Model, file: ModelFile) -> None:
    """Raise BadModel if this machine does not get the answers that the model file expects."""
    own = opened.card.selftest
    report = check(opened, file.files) if own is not None and own.cases else None
    if report is not None and not report.ok:
        raise BadModel(f"{file.path} fails its self-test on this machine: {report.describe()}; see edgevision doctor")


def _refuse_operators(file: ModelFile, graph: Graph) -> None:
    found = problems(graph)
    if found:
        hint = "convert its Keras model to int8 with edgevision convert"
        raise BadModel(f"{file.path}: TensorFlow Lite Micro cannot run this model: {'; '.join(found[:3])}; {hint}")


def _answers(model: bytes, inputs: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
    interpreter = open_interpreter(model, threads=1)
    try:
        return [tuple(interpreter.infer(one)) for one in inputs]
    finally:
        interpreter.close()


def _require_same(
    file: ModelFile,
    specs: Sequence[TensorSpec],
    expected: Sequence[tuple[Tensor, ...]],
    answers: Sequence[tuple[Tensor, ...]],
) -> None:
    """Raise BadModel unless the reduced model answers exactly as the file does; a float input may be rounded otherwise."""
    exact = file.inputs[0].dtype != "float32"
    for before, after in zip(expected, answers, strict=True):
        for spec, old, new, end in zip(file.outputs, before, after, specs, strict=True):
            back = with_end(new, end, spec) if old.dtype != new.dtype and spec.quantized | end.quantized else new
            if not (np.array_equal(old, back) if exact else np.allclose(old, back, atol=TOLERANCE)):
                raise BadModel(
                    f"{file.path}: without its ends the model answers differently, so --io cannot be used; leave it out"
                )


def _require_near(file: ModelFile, facts: MicroFacts, answers: Sequence[tuple[Tensor, ...]]) -> float:
    """Return the largest difference of a score between LiteRT and TensorFlow Lite Micro. Raises BadModel if it is large."""
    scale = facts.outputs[0].scale or 1.0
    pairs = zip(facts.tests, answers, strict=True)
    worst = max(float(np.abs(one.outputs[0].astype(float) - other[0].astype(float)).max()) for one, other in pairs)
    if worst * scale > TOLERANCE:
        raise BadModel(
            f"{file.path}: TensorFlow Lite Micro answers otherwise than LiteRT: a score differs by {worst * scale:.2f} "
            f"(allowed {TOLERANCE:g}); report this with the model"
        )
    return round(worst * scale, 6)


def _require_room(path: Path, kind: str, need: int, room: int | None, origin: str) -> None:
    """Raise BadModel if a model needs more flash or RAM than there is; the program around it comes on top."""
    if room is None or need <= room:
        return
    what = "its array has" if kind == "flash" else "its tensor arena needs"
    raise BadModel(
        f"{path}: {what} {need / 1000:.1f} kB{origin}, more than --{kind} {format_bytes(room)}; train a smaller network with "
        "--alpha, --image-size or --channels 1"
    )


def _fixed(spec: TensorSpec, value: Tensor) -> TensorSpec:
    return spec._replace(shape=tuple(value.shape))


def _exported(
    folder: Path, files: dict[str, bytes], file: ModelFile, facts: MicroFacts, selftest: dict[str, Any]
) -> Exported:
    measured = facts.arena.measured_by
    sizes = (
        f"{len(facts.model) / 1000:.1f} kB of flash, {facts.arena.bytes / 1000:.1f} kB of RAM ({facts.arena.origin})"
    )
    compile_it = ("arm-none-eabi-g++", "-std=c++17", "-Os", "-mcpu=cortex-m4", "-ffreestanding", "-c")
    return Exported(
        path=folder,
        files=len(files),
        bytes=sum(map(len, files.values())),
        model_sha256=file.sha256,
        task=facts.card.task,
        summary=f"{facts.name} for TensorFlow Lite Micro: {sizes}",
        next_step=shlex.join([*compile_it, str(folder / f"{facts.name}.cc")]),
        notes=() if measured else (_ESTIMATED,),
        details={
            "name": facts.name,
            "model_bytes": len(facts.model),
            "input_type": facts.input.dtype,
            "output_types": [one.dtype for one in facts.outputs],
            "operators": list(facts.methods),
            "arena": {"bytes": facts.arena.bytes, "measured": bool(measured), "tflite_micro": measured or None},
            "selftest": selftest,
        },
    )


_ESTIMATED = (
    "the RAM is an estimate, and the model was not tried in TensorFlow Lite Micro; to do both, install it: "
    "pip install 'edgevision[micro]'"
)
