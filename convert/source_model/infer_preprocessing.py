"""Inference of a Keras model's preprocessing from its layers, its model card or the options, without guessing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from edgevision.errors import BadInput, BadModel
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import ModelOrder, Preprocessing

from . import layer_graph
from .input_layers import NEUTRAL, first_layers, hidden_normalization, proves_bytes, rescaling, scale_and_offset
from .known_architectures import CROP_FRACTION, Architecture, is_imagenet, recognise
from .preprocessing_options import PreprocessingOptions


@dataclass(frozen=True, slots=True)
class InferredPreprocessing:
    """The preprocessing of a model and its origin."""

    preprocessing: Preprocessing
    """Preprocessing for the model's input once ``cut`` is removed."""
    source: str
    """Origin of normalization and geometry, as readable text."""
    cut: layer_graph.Node | None = None
    """A Rescaling layer at the input that the preprocessing replaces."""
    moves: bool = False
    """Whether the first layers rearrange channels or pixels and thus share their int8 range with the input."""


@dataclass(frozen=True, slots=True)
class _Normalization:
    mean: tuple[float, ...]
    std: tuple[float, ...]
    order: ModelOrder
    source: str


def infer_preprocessing(
    model: Mapping[str, Any],
    shape: tuple[int, int, int],
    classes: int,
    card: ModelCard | None = None,
    options: PreprocessingOptions | None = None,
) -> InferredPreprocessing:
    """Infer the preprocessing of a serialized model with an input of ``shape`` (height, width, channels).

    Options take precedence over the model card, the card over the layers, the layers over the architecture. Raises
    BadModel if none of them determines the normalization, BadInput if the options are contradictory.
    """
    given = options or PreprocessingOptions()
    family = recognise(layer_graph.names(model))
    published = family if family is not None and is_imagenet(family, _own_names(model), classes) else None
    entry = first_layers(model)
    hidden = None if proves_bytes(entry) else hidden_normalization(model, entry)
    normal = _normalization(entry, hidden, family, published, card, given)
    if shape[2] == 1:
        normal = replace(normal, order="GRAY")
    elif given.order is not None:
        normal = replace(normal, order=given.order)
    cut = rescaling(entry)
    if cut is not None:
        normal = _through(cut, normal)
    geometry, source = _geometry(published, card, given)
    preprocessing = Preprocessing(
        width=shape[1],
        height=shape[0],
        channels=shape[2],
        order=normal.order,
        mean=normal.mean,
        std=normal.std,
        **geometry,
    )
    moves = bool(entry) and entry[0].kind in NEUTRAL
    return InferredPreprocessing(
        preprocessing, f"normalization from {normal.source}; geometry from {source}", cut, moves
    )


def _normalization(
    entry: list[layer_graph.Node],
    hidden: str | None,
    family: Architecture | None,
    published: Architecture | None,
    card: ModelCard | None,
    options: PreprocessingOptions,
) -> _Normalization:
    """Return the normalization for the model's own input, with its first layers in place."""
    inside = proves_bytes(entry)
    if options.mean is not None or options.std is not None:
        return _from_options(options, inside or hidden)
    if card is not None:
        return _from_card(card, inside)
    if inside is not None:
        return _Normalization((0.0,), (1.0,), "RGB", inside)
    if published is not None and published.normalization == "outside":
        source = f"keras.applications {published.name} with its ImageNet top"
        return _Normalization(published.mean, published.std, published.order, source)
    if hidden is not None:
        raise BadModel(
            f"cannot determine how the model's images must be normalized: {hidden} normalizes them, but not all of its "
            "inputs are known; if the model takes plain bytes 0..255, give --mean 0 --std 1"
        )
    raise BadModel(_unproven(entry, family))


def _from_options(options: PreprocessingOptions, inside: str | None) -> _Normalization:
    mean, std = options.mean or (0.0,), options.std or (1.0,)
    if inside is not None and (set(mean), set(std)) != ({0.0}, {1.0}):
        raise BadInput(
            f"--mean and --std would normalize twice: the model takes 0..255 and has {inside}; "
            "omit both options, or give --mean 0 --std 1"
        )
    return _Normalization(mean, std, "RGB", "--mean and --std")


def _from_card(card: ModelCard, inside: str | None) -> _Normalization:
    """Return the normalization of the card in a Keras file, which describes the model's own input."""
    preprocessing = card.preprocessing
    if inside is not None and (set(preprocessing.mean), set(preprocessing.std)) != ({0.0}, {1.0}):
        raise BadModel(
            f"the model card expects {preprocessing.describe()}, but the model takes 0..255 and has {inside}: "
            "one of them is wrong; if it is the card, give --mean 0 --std 1"
        )
    return _Normalization(preprocessing.mean, preprocessing.std, preprocessing.order, "the model card")


def _through(cut: layer_graph.Node, normal: _Normalization) -> _Normalization:
    """Return the normalization that includes a Rescaling layer: scale * (pixel - mean) / std + offset."""
    line = scale_and_offset(cut)
    assert line is not None
    scale, offset = line
    # Twelve digits, so that 1 / 127.5 in binary floating point becomes 127.5 again.
    mean = tuple(float(f"{m - offset * s / scale:.12g}") for m, s in _pairs(normal))
    std = tuple(float(f"{s / scale:.12g}") for _, s in _pairs(normal))
    return replace(normal, mean=mean, std=std)


def _pairs(normal: _Normalization) -> list[tuple[float, float]]:
    count = max(len(normal.mean), len(normal.std))
    means = normal.mean if len(normal.mean) == count else normal.mean * count
    stds = normal.std if len(normal.std) == count else normal.std * count
    return list(zip(means, stds, strict=True))


def _geometry(
    published: Architecture | None, card: ModelCard | None, options: PreprocessingOptions
) -> tuple[dict[str, Any], str]:
    """Return the preprocessing fields for cropping and resizing, and their origin."""
    if options.resize is not None or options.crop_fraction is not None:
        resize = options.resize or "crop"
        fraction = options.crop_fraction if options.crop_fraction is not None else 1.0
        if resize != "crop" and fraction != 1.0:
            raise BadInput(f"--crop-fraction {fraction:g} requires --resize crop, got --resize {resize}")
        return {"resize": resize, "crop_fraction": fraction}, "the options"
    if card is not None:
        names = ("resize", "crop_fraction", "fill", "align")
        return {name: getattr(card.preprocessing, name) for name in names}, "the model card"
    if published is not None:
        return {"resize": "crop", "crop_fraction": CROP_FRACTION}, f"keras.applications {published.name}"
    return {"resize": "stretch"}, "the default of Keras image loaders (change it with --resize)"


def _own_names(model: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(node.name for node in layer_graph.graph(model).nodes)


def _unproven(entry: list[layer_graph.Node], family: Architecture | None) -> str:
    said = "cannot determine how the model's images must be normalized"
    if entry and entry[0].kind == "Rescaling":
        said = (
            f"the Rescaling layer {entry[0].name!r} does not take bytes 0..255, so images must also be scaled before it"
        )
    hint = "give --mean 0 --std 255 for 0..1, --mean 127.5 --std 127.5 for -1..1, --mean 0 --std 1 for plain bytes"
    if family is not None and family.normalization == "outside":
        mean, std = (",".join(f"{v:g}" for v in values) for values in (family.mean, family.std))
        order = " --order BGR" if family.order == "BGR" else ""
        hint = f"its {family.name} backbone usually needs --mean {mean} --std {std}{order}"
    return f"{said}; {hint}"
