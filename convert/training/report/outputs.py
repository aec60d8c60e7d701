"""Output files of a training: the model with its card, metrics, plots and the report."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.datasets.training_images import MAX_IMAGES, card_entry
from edgevision.evaluation.evaluate import Evaluation, evaluate
from edgevision.evaluation.intervals import FEW_IMAGES
from edgevision.evaluation.records import Pictures, Subject
from edgevision.evaluation.scorers import facts, open_scorer
from edgevision.files import run_folder
from edgevision.files.atomic import write_text
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Resize

from ... import backend
from ...keras_files.embedded_card import save_keras
from ..config.settings import TrainSettings
from ..fit.checkpoint import State
from ..fit.early_stopping import MIN_VALIDATION_IMAGES
from ..fit.plan import TrainPlan
from ..input.splits import DatasetSplits
from ..linear_probe.cross_validated import cross_validated
from ..linear_probe.fit_linear import LinearFit
from ..monitor.history import Epoch, overfitting
from ..monitor.observer import TrainingObserver
from ..negatives.negative_sets import NegativeSets
from ..network.backbones import BackboneSpec
from ..network.initial_weights import Origin
from ..network.network import Network, open_network
from . import contact_sheets, plots
from .html import page
from .unknown_threshold import ChosenThreshold, choose_threshold

if TYPE_CHECKING:
    from .result import TrainResult

MODEL_FILE, H5_FILE, LABELS_FILE = "model.keras", "model.h5", "labels.txt"
METRICS_FILE, REPORT_FILE = "metrics.json", "report.html"
CURVES_FILE, CONFUSION_FILE = "curves.png", "confusion.png"
SAMPLES_FILE, WORST_FILE = "samples.png", "worst.png"
LEARNING_CURVE_FILE, NEGATIVES_FILE = "learning_curve.png", "negatives.png"
H5_CARD_FILE = "model.card.json"
FILES = (
    MODEL_FILE,
    H5_FILE,
    H5_CARD_FILE,
    LABELS_FILE,
    METRICS_FILE,
    REPORT_FILE,
    CURVES_FILE,
    CONFUSION_FILE,
    LEARNING_CURVE_FILE,
    NEGATIVES_FILE,
    SAMPLES_FILE,
    WORST_FILE,
)
"""Names of the files written here."""


def announce(
    network: Network,
    plan: TrainPlan,
    learning: DatasetSplits,
    resize: Resize,
    linear: bool,
    watcher: TrainingObserver,
) -> None:
    """Report the planned training to the user. ``linear``: whether it needs no epochs."""
    counts = ", ".join(f"{count} {name}" for name, count in learning.counts().items())
    watcher.note(learning.goal.describe())
    watcher.note(f"{plan.choice.describe()}, {network.origin.describe()}; images: {counts}")
    if resize == "crop":
        watcher.note("only the central square of each image is used; to use the whole image, pass --resize stretch")
    row = plan.choice.row
    if row.warning and not plan.choice.minimalistic:
        watcher.note(row.warning)
    if linear:
        return
    if len(learning.val) < MIN_VALIDATION_IMAGES:
        few = f"only {len(learning.val)} validation images" if learning.val else "no validation images"
        watcher.note(f"{few}, too few to choose the best epoch: the weights of the last epoch are kept")


def make_card(
    network: Network,
    plan: TrainPlan,
    learning: DatasetSplits,
    state: State[Epoch],
    settings: TrainSettings,
    linear: LinearFit | None,
    negatives: NegativeSets | None,
) -> ModelCard:
    """Return the model card; it contains no local paths."""
    choice = plan.choice
    kept = state.history[state.selection.epoch - 1] if state.selection.epoch else None
    training = {
        "data": data_record(learning, negatives),
        "backbone": backbone_record(choice, network.origin),
        "epochs": len(state.history),
        "phases": list(dict.fromkeys(row.phase for row in state.history)),
        "applied": list(dict.fromkeys(f"{row.phase}: {row.applied}" for row in state.history)),
        "kept": None
        if kept is None
        else {"epoch": kept.epoch, "val_loss": kept.val_loss, "val_accuracy": kept.val_accuracy},
        "temperature": state.temperature,
        "head": None if linear is None else linear.to_json(),
        "seed": plan.seed,
    }
    return ModelCard(
        name=f"{choice.backbone}_{choice.image_size}",
        task=network.goal.task,
        preprocessing=choice.preprocessing(settings.resize_or("crop")),
        labels=network.goal.classes,
        activation=network.goal.activation,
        training=training,
        versions=run_folder.versions(),
        created=run_folder.utc_now(),
    )


def data_record(learning: DatasetSplits, negatives: NegativeSets | None = None) -> dict[str, Any]:
    """Return the record of the images in a model card."""
    return {
        "fingerprint": learning.fingerprint,
        "pictures": learning.counts(),
        "layout": learning.dataset.layout,
        "images": _images(learning, negatives),
    }


def backbone_record(choice: BackboneSpec, origin: Origin) -> dict[str, Any]:
    """Return the record of the backbone in a model card."""
    return {
        "name": choice.backbone,
        "alpha": choice.alpha,
        "image_size": choice.image_size,
        **choice.options(),
        "weights": origin.name,
        "weights_sha256": origin.sha256,
    }


def _images(learning: DatasetSplits, negatives: NegativeSets | None) -> dict[str, Any] | None:
    """Return the record by which other commands recognize the images that made the model, and those that tested it.

    Negatives that taught it or chose its threshold are among those that made it.
    """
    taught, chose = (negatives.teach, negatives.choose) if negatives else ((), ())
    made = ((*learning.train, *learning.unlabeled, *taught), (*learning.val, *chose))
    if sum(map(len, made)) > MAX_IMAGES:
        return None
    train, val, test = ([sha256(item.data()).hexdigest() for item in items] for items in (*made, learning.test))
    return card_entry(train, val, test)


def write_model(folder: Path, deployed: Any, card: ModelCard, settings: TrainSettings, name: str = MODEL_FILE) -> Path:
    """Write model.keras, labels.txt and, if requested, model.h5. Raises CannotWrite."""
    path = folder / name
    with backend.quiet():
        save_keras(deployed, card, path)
        if settings.h5:
            save_h5(deployed, card, path.with_suffix(".h5"))
    write_text(folder / LABELS_FILE, "".join(f"{name}\n" for name in card.labels))
    return path


def with_threshold(
    deployed: Any,
    card: ModelCard,
    learning: DatasetSplits,
    linear: LinearFit | None,
    negatives: NegativeSets | None,
    wanted: float,
    watcher: TrainingObserver,
) -> tuple[ModelCard, ChosenThreshold | None]:
    """Return the card with the threshold below which the model answers "unknown", and that threshold.

    It is None if there are too few images to choose it on.
    """
    with watcher.stage("Choosing the threshold", None):
        found = choose_threshold(deployed, card, learning, linear, negatives, wanted)
    if found is None:
        kind = "validation" if linear is None else "cross-validated"
        few = f"it needs {FEW_IMAGES} {kind} images with right answers"
        watcher.note(f'no threshold for "unknown": {few}; every image gets an answer unless run gets --threshold')
        return card, None
    return card.with_(threshold=found.value, training={**(card.training or {}), "threshold": found.to_json()}), found


def save_h5(model: Any, card: ModelCard, path: Path) -> None:
    """Save the model as .h5 with its card in the root attribute ``edgevision_card`` and in NAME.card.json beside it."""
    import h5py

    part = path.with_name(f".{path.stem}.part.h5")
    model.save(str(part))
    with h5py.File(part, "a") as file:
        file.attrs["edgevision_card"] = card.dumps()
    part.replace(path)
    write_text(path.with_suffix(".card.json"), card.dumps() + "\n")


def score(
    model: Path, learning: DatasetSplits, linear: LinearFit | None, photos: Path, watcher: TrainingObserver
) -> Evaluation | None:
    """Evaluate the saved model on the test images, which were not used in training.

    Without any, return the cross-validation of its linear head; None if there is neither.
    """
    if not learning.test and linear is not None and (found := cross_validated(model, linear, learning, photos)):
        for line in found.notes:
            watcher.note(line)
        return found
    if not learning.test:
        watcher.note("no test images: the accuracy of the model is not known; add images or a test/ folder")
        return None
    scorer = open_scorer(model)
    pictures = Pictures(str(photos), learning.test, learning.dataset.classes, "test", learning.skipped)
    with watcher.stage("Scoring", len(learning.test)) as step:
        done = evaluate(Subject(scorer, facts(model, scorer)), pictures, step=step)
    for line in done.notes:
        watcher.note(line)
    return done


def write_reports(result: TrainResult, watcher: TrainingObserver) -> None:
    """Write metrics.json, the plots and report.html."""
    folder, evaluation = result.folder, result.evaluation
    if result.history:
        plots.curves(result.history, result.kept, folder / CURVES_FILE)
    if result.curve is not None:
        plots.learning_curve(result.curve, folder / LEARNING_CURVE_FILE)
    if result.threshold is not None and (told := result.threshold.rejection):
        plots.score_histogram(told.photos, told.negatives, result.threshold.value, folder / NEGATIVES_FILE)
    if evaluation is not None:
        write_text(folder / METRICS_FILE, run_folder.dump(evaluation.to_json()) + "\n")
        judged = evaluation.metrics
        if not judged.multilabel:
            plots.confusion(judged.confusion, judged.labels, folder / CONFUSION_FILE)
        contact_sheets.write_worst(
            evaluation, result.plan.choice.preprocessing(result.settings.resize_or("crop")), folder / WORST_FILE
        )
    write_text(folder / REPORT_FILE, page(result))
    seen = overfitting(result.history, len(result.learning.val), result.kept)
    if seen is not None and seen.found:
        watcher.note(seen.describe(result.remedies))


def in_float32(network: Network, settings: TrainSettings) -> Any:
    """Return the deployed network, rebuilt in float32 if it was trained in mixed precision."""
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
