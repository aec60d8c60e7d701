"""How pictures must be prepared for a Keras model: read from its layers, its card or the options, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from edgevision.card import ModelCard
from edgevision.errors import BadInput, BadModel
from edgevision.rule import ModelOrder, Resize, Rule

from . import layers
from .architectures import CROP_FRACTION, Architecture, is_imagenet, recognise
from .first_layers import NEUTRAL, first_layers, proves_bytes, rescaling, scale_and_offset


@dataclass(frozen=True, slots=True)
class RuleOptions:
    """What the user said; None: nothing."""

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: Resize | None = None
    crop_fraction: float | None = None
    order: ModelOrder | None = None


@dataclass(frozen=True, slots=True)
class InferredRule:
    """The rule for a model, and where it came from."""

    rule: Rule
    """What the model's input expects once ``cut`` is cut off."""
    source: str
    """For people: where normalization and geometry came from."""
    cut: layers.Node | None = None
    """A Rescaling layer at the input that the rule replaces."""
    moves: bool = False
    """Whether the first layers move channels or pixels about, and share their int8 range with the input."""


@dataclass(frozen=True, slots=True)
class _Normalization:
    mean: tuple[float, ...]
    std: tuple[float, ...]
    order: ModelOrder
    source: str


def infer_rule(
    model: Mapping[str, Any],
    shape: tuple[int, int, int],
    classes: int,
    card: ModelCard | None = None,
    options: RuleOptions | None = None,
) -> InferredRule:
    """The rule of a serialized model with an input of ``shape`` (height, width, channels). Raises BadModel, BadInput.

    Options win over the card, the card over the layers, the layers over the architecture. What nothing proves is refused.
    """
    given = options or RuleOptions()
    family = recognise(layers.names(model))
    published = family if family is not None and is_imagenet(family, _own_names(model), classes) else None
    entry = first_layers(model)
    normal = _normalization(entry, family, published, card, given)
    if shape[2] == 1:
        normal = replace(normal, order="GRAY")
    elif given.order is not None:
        normal = replace(normal, order=given.order)
    cut = rescaling(entry)
    if cut is not None:
        normal = _through(cut, normal)
    geometry, source = _geometry(published, card, given)
    rule = Rule(
        width=shape[1],
        height=shape[0],
        channels=shape[2],
        order=normal.order,
        mean=normal.mean,
        std=normal.std,
        **geometry,
    )
    moves = bool(entry) and entry[0].kind in NEUTRAL
    return InferredRule(rule, f"normalization from {normal.source}; geometry from {source}", cut, moves)


def _normalization(
    entry: list[layers.Node],
    family: Architecture | None,
    published: Architecture | None,
    card: ModelCard | None,
    options: RuleOptions,
) -> _Normalization:
    """What the model's own input expects, its first layers still in place."""
    inside = proves_bytes(entry)
    if options.mean is not None or options.std is not None:
        return _from_options(options, inside)
    if card is not None:
        return _from_card(card, inside)
    if inside is not None:
        return _Normalization((0.0,), (1.0,), "RGB", inside)
    if published is not None and published.normalization == "outside":
        source = f"keras.applications {published.name}, complete with its ImageNet top"
        return _Normalization(published.mean, published.std, published.order, source)
    raise BadModel(_unproven(entry, family))


def _from_options(options: RuleOptions, inside: str | None) -> _Normalization:
    mean, std = options.mean or (0.0,), options.std or (1.0,)
    if inside is not None and (set(mean), set(std)) != ({0.0}, {1.0}):
        raise BadInput(
            f"--mean and --std would normalize twice: the model takes 0..255 and has {inside}; leave the two options out"
        )
    return _Normalization(mean, std, "RGB", "--mean and --std")


def _from_card(card: ModelCard, inside: str | None) -> _Normalization:
    """The card of a Keras file speaks of that model's own input."""
    rule = card.rule
    if inside is not None and (set(rule.mean), set(rule.std)) != ({0.0}, {1.0}):
        raise BadModel(
            f"the card says {rule.describe()}, but the model takes 0..255 and has {inside}: "
            "one of the two is wrong; give --mean 0 --std 1 if it is the card"
        )
    return _Normalization(rule.mean, rule.std, rule.order, "the model's card")


def _through(cut: layers.Node, normal: _Normalization) -> _Normalization:
    """The normalization that also does the work of a Rescaling layer: scale * (pixel - mean) / std + offset."""
    line = scale_and_offset(cut)
    assert line is not None
    scale, offset = line
    # Twelve digits: 1 / 127.5 as a binary fraction must come back as 127.5.
    mean = tuple(float(f"{m - offset * s / scale:.12g}") for m, s in _pairs(normal))
    std = tuple(float(f"{s / scale:.12g}") for _, s in _pairs(normal))
    return replace(normal, mean=mean, std=std)


def _pairs(normal: _Normalization) -> list[tuple[float, float]]:
    count = max(len(normal.mean), len(normal.std))
    means = normal.mean if len(normal.mean) == count else normal.mean * count
    stds = normal.std if len(normal.std) == count else normal.std * count
    return list(zip(means, stds, strict=True))


def _geometry(
    published: Architecture | None, card: ModelCard | None, options: RuleOptions
) -> tuple[dict[str, Any], str]:
    """The fields of the rule that say which part of a picture is used, and where they came from."""
    if options.resize is not None or options.crop_fraction is not None:
        resize = options.resize or "crop"
        fraction = options.crop_fraction if options.crop_fraction is not None else 1.0
        if resize != "crop" and fraction != 1.0:
            raise BadInput(f"--crop-fraction {fraction:g} needs --resize crop, not {resize}")
        return {"resize": resize, "crop_fraction": fraction}, "the options"
    if card is not None:
        names = ("resize", "crop_fraction", "fill", "align")
        return {name: getattr(card.rule, name) for name in names}, "the model's card"
    if published is not None:
        return {"resize": "crop", "crop_fraction": CROP_FRACTION}, f"keras.applications {published.name}"
    return {"resize": "stretch"}, "the default of Keras' own picture loaders (--resize changes it)"


def _own_names(model: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(node.name for node in layers.graph(model).nodes)


def _unproven(entry: list[layers.Node], family: Architecture | None) -> str:
    said = "nothing in the model says how its pictures were normalized"
    if entry and entry[0].kind == "Rescaling":
        said = f"the Rescaling layer {entry[0].name!r} does not take bytes 0..255, so pictures are scaled before it as well"
    hint = "--mean 0 --std 255 for 0..1, --mean 127.5 --std 127.5 for -1..1, --mean 0 --std 1 for plain bytes"
    if family is not None and family.normalization == "outside":
        mean, std = (",".join(f"{v:g}" for v in values) for values in (family.mean, family.std))
        order = " --order BGR" if family.order == "BGR" else ""
        hint = f"its {family.name} backbone usually takes --mean {mean} --std {std}{order}"
    return f"{said}; say it: {hint}"
