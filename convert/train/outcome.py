"""What a training leaves in its run folder: the model with its card, its scores, plots and the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision import runs
from edgevision.card import ModelCard
from edgevision.evaluate import Evaluation, Pictures, Subject, evaluate
from edgevision.files import write_text
from edgevision.rule import Resize
from edgevision.scorers import facts, open_scorer

from .. import backend, plots
from ..keras_card import save_keras
from . import sheets
from .checkpoint import State
from .history import overfitting
from .learning import Learning
from .network import Network, open_network
from .plan import Plan
from .report import page
from .selection import ENOUGH
from .settings import Settings
from .watcher import Watcher

if TYPE_CHECKING:
    from .training import TrainResult

MODEL_FILE, H5_FILE, LABELS_FILE = "model.keras", "model.h5", "labels.txt"
METRICS_FILE, REPORT_FILE = "metrics.json", "report.html"
CURVES_FILE, CONFUSION_FILE = "curves.png", "confusion.png"
SAMPLES_FILE, WORST_FILE = "samples.png", "worst.png"


def announce(network: Network, plan: Plan, learning: Learning, resize: Resize, watcher: Watcher) -> None:
    """Says what is about to happen."""
    counts = ", ".join(f"{count} {name}" for name, count in learning.counts().items())
    watcher.note(learning.goal.describe())
    watcher.note(f"{plan.choice.describe()}, {network.origin.describe()}; pictures: {counts}")
    if resize == "crop":
        watcher.note("of each picture the middle square is used; --resize stretch keeps the sides")
    row = plan.choice.row
    if row.warning and not plan.choice.minimalistic:
        watcher.note(row.warning)
    if len(learning.val) < ENOUGH:
        few = f"only {len(learning.val)} pictures" if learning.val else "no pictures"
        watcher.note(f"{few} to validate with, too few to choose by: the weights of the last epoch are kept")


def make_card(network: Network, plan: Plan, learning: Learning, state: State, settings: Settings) -> ModelCard:
    """The card that the model carries; no path of this machine is in it."""
    choice = plan.choice
    kept = state.history[state.selection.epoch - 1] if state.selection.epoch else None
    training = {
        "data": {"fingerprint": learning.fingerprint, "pictures": learning.counts(), "layout": learning.dataset.layout},
        "backbone": {
            "name": choice.backbone,
            "alpha": choice.alpha,
            "image_size": choice.image_size,
            "weights": network.origin.name,
            "weights_sha256": network.origin.sha256,
        },
        "epochs": len(state.history),
        "phases": list(dict.fromkeys(row.phase for row in state.history)),
        "applied": list(dict.fromkeys(f"{row.phase}: {row.applied}" for row in state.history)),
        "kept": None
        if kept is None
        else {"epoch": kept.epoch, "val_loss": kept.val_loss, "val_accuracy": kept.val_accuracy},
        "temperature": state.temperature,
        "seed": plan.seed,
    }
    return ModelCard(
        name=f"{choice.backbone}_{choice.image_size}",
        task=network.goal.task,
        rule=choice.rule(settings.resize),
        labels=network.goal.classes,
        activation=network.goal.activation,
        training=training,
        versions=runs.versions(),
        created=runs.utc_now(),
    )


def write_model(folder: Path, network: Network, card: ModelCard, settings: Settings) -> Path:
    """model.keras, labels.txt, and model.h5 if asked for. Raises CannotWrite."""
    deployed = _in_float32(network, settings)
    path = folder / MODEL_FILE
    with backend.quiet():
        save_keras(deployed, card, path)
        if settings.h5:
            save_h5(deployed, card, folder / H5_FILE)
    write_text(folder / LABELS_FILE, "".join(f"{name}\n" for name in card.labels))
    return path


def save_h5(model: Any, card: ModelCard, path: Path) -> None:
    """The model as .h5, its card as the root attribute ``edgevision_card`` and beside it as NAME.card.json."""
    import h5py

    part = path.with_name(f".{path.stem}.part.h5")
    model.save(str(part))
    with h5py.File(part, "a") as file:
        file.attrs["edgevision_card"] = card.dumps()
    part.replace(path)
    write_text(path.with_suffix(".card.json"), card.dumps() + "\n")


def score(model: Path, learning: Learning, photos: Path, watcher: Watcher) -> Evaluation | None:
    """Scores the saved file on the test pictures, which the training never saw."""
    if not learning.test:
        watcher.note("no pictures are left to test with: the model has no score")
        return None
    scorer = open_scorer(model)
    pictures = Pictures(str(photos), learning.test, learning.dataset.classes, "test", learning.skipped)
    with watcher.stage("Scoring", len(learning.test)) as step:
        return evaluate(Subject(scorer, facts(model, scorer)), pictures, step=step)


def write_reports(result: TrainResult, watcher: Watcher) -> None:
    """metrics.json, the plots and report.html."""
    folder, evaluation = result.folder, result.evaluation
    if result.history:
        plots.curves(result.history, result.kept, folder / CURVES_FILE)
    if evaluation is not None:
        write_text(folder / METRICS_FILE, runs.dump(evaluation.to_json()) + "\n")
        judged = evaluation.verdict.judgement
        if not judged.multilabel:
            plots.confusion(judged.confusion, judged.labels, folder / CONFUSION_FILE)
        sheets.write_worst(evaluation, result.plan.choice.rule(result.settings.resize), folder / WORST_FILE)
    write_text(folder / REPORT_FILE, page(result))
    seen = overfitting(result.history, len(result.learning.val), result.kept)
    if seen is not None and seen.found:
        watcher.note(seen.describe())


def _in_float32(network: Network, settings: Settings) -> Any:
    """The deployed network; one that was trained in half precision is built again in full."""
    keras = backend.keras()
    policy = keras.config.dtype_policy()
    if policy.name == "float32":
        return network.deployed
    keras.config.set_dtype_policy("float32")
    try:
        plain = open_network(network.choice, network.goal, "none", settings.dropout)
        plain.assign(network.values())
        return plain.deployed
    finally:
        keras.config.set_dtype_policy(policy)
