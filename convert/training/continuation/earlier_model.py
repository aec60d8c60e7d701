"""The model that a training continues from: its network, labels, weights and images."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgevision.datasets.continued_split import KnownImages, known_images
from edgevision.datasets.training_images import training_images
from edgevision.errors import BadInput, BadModel
from edgevision.evaluation.scorers import kind_of, locate
from edgevision.files.atomic import sha256
from edgevision.model_file.api import read_model
from edgevision.model_file.card import ModelCard

from ...keras_files import weight_arrays
from ...keras_files.scan import scan
from ..network.backbones import BACKBONES, CNN, BackboneSpec


@dataclass(frozen=True, slots=True, eq=False)
class EarlierModel:
    """A model made by ``edgevision train``, or the .tflite made from it."""

    given: Path
    """The run folder or file that the user named."""
    path: Path
    """The model file."""
    sha256: str
    card: ModelCard
    network: BackboneSpec
    known: KnownImages
    """The images that made and tested it."""
    arrays: weight_arrays.Arrays = field(default_factory=dict, repr=False)
    """Weights by layer; empty for a .tflite, whose int8 weights cannot be trained further."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of the outputs."""
        return self.card.labels

    @property
    def config(self) -> Path | None:
        """The config.toml beside the model."""
        path = self.path.parent / "config.toml"
        return path if path.is_file() else None


def open_earlier(run: Path) -> EarlierModel:
    """Open a run folder, a .keras, .h5 or .tflite. Raises MissingFile, BadModel, BadInput."""
    found = locate(run)
    tflite = kind_of(found.path) == "tflite"
    card = read_model(found.path).card if tflite else scan(found.path).card
    record = (card.training or {}).get("backbone") if card is not None else None
    if card is None or not isinstance(record, dict) or record.get("name") not in BACKBONES or not card.labels:
        instead = (
            "train without --from" if tflite else "to start from its weights, give --weights FILE instead of --from"
        )
        raise BadModel(f"{found.path} has no record of a training by edgevision train; {instead}")
    if card.task not in ("classification", "multilabel"):
        raise BadModel(f"{found.path} is a {card.task} model; --from continues classifiers only")
    arrays = {} if tflite else weight_arrays.read(found.path)
    return EarlierModel(
        given=run,
        path=found.path,
        sha256=sha256(found.path),
        card=card,
        network=replace(_network(record, arrays, found.path), channels=card.preprocessing.channels),
        known=known_images(training_images(card), found.split),
        arrays=arrays,
    )


def _network(record: dict[str, Any], arrays: weight_arrays.Arrays, path: Path) -> BackboneSpec:
    """Return the network by the card, and what the card does not hold by the shapes of the weights. Raises BadModel."""
    name, size, alpha = record["name"], record.get("image_size"), record.get("alpha")
    if not isinstance(size, int) or not isinstance(alpha, int | float):
        raise BadModel(f"{path}: the record of its network is damaged; train it again without --from")
    if name != CNN:
        squeezed = any("squeeze_excite" in layer for layer in arrays)
        return BackboneSpec(name, size, float(alpha), minimalistic=not squeezed)
    if not arrays:
        raise BadInput(
            f"{path} does not record the layers of its cnn; give its run folder or its .keras file to --from"
        )
    filters: list[int] = []
    while (layer := f"conv_{len(filters) + 1}") in arrays:
        filters.append(int(arrays[layer][0].shape[-1]))
    if not filters or "dense" not in arrays:
        raise BadModel(f"{path} does not have the weights of a cnn of edgevision train; train it again without --from")
    return BackboneSpec(
        CNN, size, float(alpha), cnn_filters=tuple(filters), cnn_dense=int(arrays["dense"][0].shape[-1])
    )
