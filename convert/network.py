"""Opens a Keras model and determines its task, preprocessing and labels."""

from __future__ import annotations

from dataclasses import dataclass

from edgevision.card import ModelCard
from edgevision.errors import BadModel

from .float_model import FloatModel, make_float_model
from .infer_rule import InferredRule, infer_rule
from .labels import labels_for
from .load import LoadedModel, load
from .options import ConvertOptions
from .scan import Scan
from .task import infer_task
from .two_scores import with_two_scores


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A loaded model with its task, preprocessing and labels."""

    loaded: LoadedModel
    inferred: InferredRule
    model: FloatModel
    card: ModelCard
    """Model card with the fields known before quantization."""
    labels_from: str


def open_network(found: Scan, options: ConvertOptions, name: str) -> Network:
    """Load a scanned model. Raises BadModel, BadInput."""
    loaded = load(found)
    found = loaded.scan  # a SavedModel or weights-only file has its architecture only after loading
    shape = (loaded.height, loaded.width, loaded.channels)
    try:
        answer = infer_task(found.config, loaded.outputs, found.training)
        loaded, answer = with_two_scores(loaded, answer)
        inferred = infer_rule(found.config, shape, loaded.outputs, found.card, options.rule)
    except BadModel as error:
        raise BadModel(f"{found.path}: {error}") from None
    labels, labels_from = labels_for(options.labels, found.card, answer.classes)
    model = make_float_model(loaded, inferred)
    card = ModelCard(
        name=name,
        task=answer.task,
        rule=model.rule,
        labels=labels,
        activation=answer.activation,
        threshold=found.card.threshold if found.card else None,
        training=_portable(found.card.training) if found.card else None,
    )
    return Network(loaded, inferred, model, card, labels_from)


def _portable(training: dict[str, object] | None) -> dict[str, object] | None:
    """Return the training record without the image folder, a path on this machine."""
    return None if training is None else {key: value for key, value in training.items() if key != "calibration"}
