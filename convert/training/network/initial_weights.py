"""Initial weights of a network: ImageNet by pip or through Keras, the starter, a file of the user, or random."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput, BadModel
from edgevision.files.atomic import sha256
from edgevision.log import Log

from ... import backend
from ...keras_files import weight_arrays
from . import pip_weights, starter_weights
from .backbones import COLOR, GRAY, Backbone, BackboneSpec, build

log = Log("edgevision.train")
AUTO, STARTER, IMAGENET, NONE = "auto", "starter", "imagenet", "none"
NAMES = (AUTO, STARTER, IMAGENET, NONE)
"""Values of --weights besides a path; ``auto`` is resolved before the network is built."""
CONNECT_SECONDS = 3.0
"""Time limit in seconds for the server of the ImageNet weights to answer."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin of a network's weights."""

    name: str
    """imagenet, starter, none, or the file name."""
    sha256: str | None = None
    """sha256 of the file."""

    def describe(self) -> str:
        """Return a readable name."""
        names = {IMAGENET: "ImageNet weights", STARTER: "starter weights", NONE: "random weights"}
        return names.get(self.name, f"weights from {self.name}")


def initialize(model: Any, choice: BackboneSpec, weights: str) -> Origin:
    """Load the initial weights into a network without its top. Raises BadInput, BadModel, MissingFile."""
    if weights == NONE:
        return Origin(NONE)
    if choice.channels == GRAY and weights in (STARTER, IMAGENET):
        color = replace(choice, channels=COLOR)
        twin = build(color)
        origin = initialize(twin, color, weights)
        model.set_weights([gray_kernel(*pair) for pair in zip(twin.get_weights(), model.get_weights(), strict=True)])
        return origin
    if weights == STARTER:
        return Origin(STARTER, starter_weights.assign(model, choice).sha256)
    if weights == IMAGENET and choice.backbone in pip_weights.PIP_WEIGHTS:
        return Origin(IMAGENET, pip_weights.assign(model, choice.backbone))
    if weights == IMAGENET:
        path = fetch_imagenet(choice)
        _load_published(model, path)
        return Origin(IMAGENET, sha256(path))
    path = Path(weights)
    if not path.suffix and not path.exists():
        raise BadInput(f"--weights must be {', '.join(NAMES)} or the path of a .h5 or .keras file, got {weights!r}")
    _assign(model, choice, path)
    return Origin(path.name, sha256(path))


def fetch_imagenet(choice: BackboneSpec) -> Path:
    """Return the published ImageNet weights from the Keras cache, else download them (one attempt). Raises BadInput."""
    path, problem = obtain_imagenet(choice)
    if path is None:
        raise BadInput(
            f"the ImageNet weights of {choice.describe()} are not in {keras_cache()} and cannot be downloaded ({problem}); "
            f"copy {_published_file(choice)} there from a connected machine, or give --weights starter, "
            "--weights FILE.h5 or --weights none"
        )
    return path


def obtain_imagenet(choice: BackboneSpec) -> tuple[Path | None, str]:
    """Return the weights' path and "", or None and the reason. Raises BadInput if no weights are published."""
    if choice.backbone in pip_weights.PIP_WEIGHTS:
        return pip_weights.find(choice.backbone)
    name = _published_file(choice)
    cached = keras_cache() / name
    if cached.exists():
        log.info("ImageNet weights: %s", cached)
        return cached, ""
    keras = backend.keras()
    url = sys.modules[getattr(keras.applications, choice.row.builder).__module__].BASE_WEIGHT_PATH + name
    log.info("ImageNet weights: not in %s; downloading %s", cached.parent, url)
    problem = unreachable(url, CONNECT_SECONDS)
    if problem is not None:
        return None, problem
    try:
        fetched = keras.utils.get_file(name, url, cache_dir=str(cached.parent.parent), cache_subdir="models")
    except Exception as error:  # urllib, http and ssl raise different exceptions
        return None, str(error).splitlines()[0]
    return Path(fetched), ""


def keras_cache() -> Path:
    """Return the folder in which Keras stores downloaded weights."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def unreachable(url: str, seconds: float) -> str | None:
    """Return why a URL does not answer within ``seconds``, or None if it does; uses the proxies of the environment."""
    import urllib.request

    reason = [f"no answer within {seconds:g} seconds"]

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds):
                reason.clear()
        except Exception as error:  # DNS, proxy, TLS or HTTP: unreachable in any case
            reason[:] = [str(getattr(error, "reason", error))]

    # Use a thread, because the socket timeout does not cover a name server that never answers.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return reason[0] if reason else None


def published(row: Backbone) -> bool:
    """Return whether ImageNet weights of a backbone are available by pip or through Keras."""
    return row.weights_file is not None or row.name in pip_weights.PIP_WEIGHTS


def _published_file(choice: BackboneSpec) -> str:
    row = choice.row
    if row.weights_file is None:
        raise BadInput(
            f"no ImageNet weights exist for {row.name}; give --weights FILE.h5, or train from scratch with --weights none"
        )
    alphas = (1.0,) if choice.minimalistic and "v3" in row.name else row.alphas
    if choice.alpha not in alphas:
        have = ", ".join(f"{a:g}" for a in alphas)
        raise BadInput(f"no ImageNet weights exist for {row.name} with --alpha {choice.alpha:g}; use --alpha {have}")
    # Weights work at any size; use those for 224 px if none are published for this size.
    size = choice.image_size if choice.image_size in row.sizes else 224
    return row.weights_file(choice.alpha, size, choice.minimalistic)


def _load_published(model: Any, path: Path) -> None:
    """Load weights by layer order, as keras.applications does; the server's files use some outdated layer names."""
    try:
        model.load_weights(str(path))
    except (ValueError, OSError) as error:
        raise BadModel(f"{path} is corrupt ({str(error).splitlines()[0]}); delete it to download it again") from None


def _assign(model: Any, choice: BackboneSpec, path: Path) -> None:
    """Copy the arrays by layer name and shape, ignoring a top. Raises BadModel unless every layer is found."""
    arrays = weight_arrays.read(path)
    wanted = [layer for layer in model.layers if layer.weights]
    if choice.channels == GRAY:
        arrays |= {layer.name: _gray_arrays(layer, arrays[layer.name]) for layer in wanted if layer.name in arrays}
    fitting = [layer for layer in wanted if _fits(layer, arrays.get(layer.name))]
    if len(fitting) < len(wanted):
        raise BadModel(_mismatch(path, choice, arrays, len(fitting), len(wanted)))
    for layer in fitting:
        layer.set_weights(arrays[layer.name])


def _gray_arrays(layer: Any, arrays: list[Any]) -> list[Any]:
    wanted = layer.get_weights()
    return [gray_kernel(*pair) for pair in zip(arrays, wanted, strict=True)] if len(arrays) == len(wanted) else arrays


def gray_kernel(array: Any, wanted: Any) -> Any:
    """Return an array of a color network for the same place of a gray one.

    A gray image is a color image with three equal channels, for which the sum of a kernel over them computes the same.
    """
    color = wanted.ndim == 4 and wanted.shape[2] == GRAY and array.shape == (*wanted.shape[:2], COLOR, wanted.shape[3])
    return array.sum(axis=2, keepdims=True) if color else array


def _fits(layer: Any, arrays: list[Any] | None) -> bool:
    return arrays is not None and [a.shape for a in arrays] == [tuple(w.shape) for w in layer.weights]


def _mismatch(path: Path, choice: BackboneSpec, arrays: weight_arrays.Arrays, fitting: int, wanted: int) -> str:
    """Describe what the file contains instead, and the options that fit it."""
    text = f"{path} matches only {fitting} of the {wanted} layers of {choice.describe()}"
    guess = recognise(arrays)
    if guess is None:
        return f"{text}: it has the weights of another network"
    name, alpha = guess
    return f"{text}: it has the weights of a {name} {alpha:g}; add --backbone {name} --alpha {alpha:g}"


_OWN_ENDS = {
    "efficientnet_lite2": ("mbconv_20_project", 352),
    "efficientnet_lite1": ("mbconv_20_project", 320),
    "efficientnet_lite0": ("mbconv_15_project", 320),
    "mobilenet_v4_medium": ("uib_21_project", 256),
    "mobilenet_v4_small": ("uib_15_project", 128),
}
"""Network -> the last layer of its blocks and its filters."""


def recognise(arrays: weight_arrays.Arrays) -> tuple[str, float] | None:
    """Return backbone and width multiplier of weights, by the layers unique to a family; None if unknown."""
    for name, (layer, filters) in _OWN_ENDS.items():
        if layer in arrays and arrays[layer][0].shape[-1] == filters:
            return name, 1.0
    if "conv_pw_13" in arrays and "conv1" in arrays:
        return "mobilenet", arrays["conv_pw_13"][0].shape[-1] / 1024
    if "block_16_project" in arrays and "block_13_expand" in arrays:
        # 96 channels at width 1, rounded to a multiple of 8; the wide last layer distinguishes narrow networks.
        width = arrays["block_16_project"][0].shape[-1]
        table = {112: 0.35, 160: 0.5, 240: 0.75, 320: 1.0, 416: 1.3, 448: 1.4}
        return ("mobilenet_v2", table[width]) if width in table else None
    if "conv_bn" in arrays and "expanded_conv_project" in arrays:
        return ("mobilenet_v3_large" if "expanded_conv_14_project" in arrays else "mobilenet_v3_small"), 1.0
    return None
