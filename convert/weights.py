"""Where a network's first weights come from: ImageNet through Keras, the starter, a file of the user's, or nowhere."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput, BadModel
from edgevision.files import sha256

from . import backend, starter, weight_files
from .backbones import Choice

AUTO, STARTER, IMAGENET, NONE = "auto", "starter", "imagenet", "none"
NAMES = (AUTO, STARTER, IMAGENET, NONE)
"""What --weights takes beside a path; ``auto`` is decided before a network is built (see train/first_weights)."""
CONNECT_SECONDS = 3.0
"""How long to wait for the server of the ImageNet weights before giving up."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the weights of a network came from."""

    name: str
    """imagenet, starter, none, or the name of the file."""
    sha256: str | None = None
    """Of the file."""
    pretrained: bool = True

    def describe(self) -> str:
        """For people."""
        names = {IMAGENET: "ImageNet weights", STARTER: "starter weights", NONE: "random weights"}
        return names.get(self.name, f"weights from {self.name}")


def initialize(model: Any, choice: Choice, weights: str) -> Origin:
    """Gives a network without its top its first weights. Raises BadInput, BadModel, MissingFile."""
    if weights == NONE:
        return Origin(NONE, pretrained=False)
    if weights == STARTER:
        return Origin(STARTER, starter.assign(model, choice).sha256)
    if weights == IMAGENET:
        path = fetch_imagenet(choice)
        _load_published(model, path)
        return Origin(IMAGENET, sha256(path))
    path = Path(weights)
    if not path.suffix and not path.exists():
        raise BadInput(f"--weights takes {', '.join(NAMES)} or the path of a .h5 or .keras file, not {weights!r}")
    _assign(model, choice, path)
    return Origin(path.name, sha256(path))


def fetch_imagenet(choice: Choice) -> Path:
    """The published ImageNet weights: from the Keras cache, else from their server, tried once. Raises BadInput."""
    path, problem = obtain_imagenet(choice)
    if path is None:
        raise BadInput(
            f"the ImageNet weights of {choice.describe()} are not in {keras_cache()}, and cannot be fetched ({problem}); "
            f"copy {_published_file(choice)} there from a connected machine, or give --weights starter, FILE.h5, "
            "or --weights none"
        )
    return path


def obtain_imagenet(choice: Choice) -> tuple[Path | None, str]:
    """Like ``fetch_imagenet``, but (None, why) where they cannot be had. Raises BadInput where none are published."""
    name = _published_file(choice)
    cached = keras_cache() / name
    if cached.exists():
        return cached, ""
    keras = backend.keras()
    url = sys.modules[getattr(keras.applications, choice.row.builder).__module__].BASE_WEIGHT_PATH + name
    problem = unreachable(url, CONNECT_SECONDS)
    if problem is not None:
        return None, problem
    try:
        fetched = keras.utils.get_file(name, url, cache_dir=str(cached.parent.parent), cache_subdir="models")
    except Exception as error:  # urllib, http and ssl each have their own
        return None, str(error).splitlines()[0]
    return Path(fetched), ""


def keras_cache() -> Path:
    """Where Keras keeps the weights it has fetched."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def unreachable(url: str, seconds: float) -> str | None:
    """Why a URL does not answer within some seconds, or None; proxies of the environment are used."""
    import urllib.request

    reason = [f"no answer within {seconds:g} seconds"]

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds):
                reason.clear()
        except Exception as error:  # DNS, proxy, TLS, HTTP: all mean that it cannot be had
            reason[:] = [str(getattr(error, "reason", error))]

    # In a thread: a name server that does not answer is not bound by the time-out of a socket.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return reason[0] if reason else None


def _published_file(choice: Choice) -> str:
    row = choice.row
    if row.weights_file is None:
        raise BadInput(f"there are no ImageNet weights for {row.name}; train it from scratch with --weights none")
    alphas = (1.0,) if choice.minimalistic and "v3" in row.name else row.alphas
    if choice.alpha not in alphas:
        have = ", ".join(f"{a:g}" for a in alphas)
        raise BadInput(
            f"there are no ImageNet weights for {row.name} with --alpha {choice.alpha:g}; there are for {have}"
        )
    # Any size works with any weights; those for 224 px serve where there are none for this size.
    size = choice.image_size if choice.image_size in row.sizes else 224
    return row.weights_file(choice.alpha, size, choice.minimalistic)


def _load_published(model: Any, path: Path) -> None:
    """The server's files name some layers as older versions did: like keras.applications, go by their order."""
    try:
        model.load_weights(str(path))
    except (ValueError, OSError) as error:
        raise BadModel(f"{path} is damaged ({str(error).splitlines()[0]}); remove it to fetch it again") from None


def _assign(model: Any, choice: Choice, path: Path) -> None:
    """Copies arrays by layer name and shape; a top is left out. Raises BadModel unless every layer is found."""
    arrays = weight_files.read(path)
    wanted = [layer for layer in model.layers if layer.weights]
    fitting = [layer for layer in wanted if _fits(layer, arrays.get(layer.name))]
    if len(fitting) < len(wanted):
        raise BadModel(_mismatch(path, choice, arrays, len(fitting), len(wanted)))
    for layer in fitting:
        layer.set_weights(arrays[layer.name])


def _fits(layer: Any, arrays: list[Any] | None) -> bool:
    return arrays is not None and [a.shape for a in arrays] == [tuple(w.shape) for w in layer.weights]


def _mismatch(path: Path, choice: Choice, arrays: weight_files.Arrays, fitting: int, wanted: int) -> str:
    """What the file holds instead, and the options that would fit it."""
    text = f"{path} fits {fitting} of the {wanted} layers of {choice.describe()}"
    guess = recognise(arrays)
    if guess is None:
        return f"{text}: it holds the weights of another network"
    name, alpha = guess
    return f"{text}: it holds a {name} {alpha:g}; add --backbone {name} --alpha {alpha:g}"


def recognise(arrays: weight_files.Arrays) -> tuple[str, float] | None:
    """Backbone and width multiplier of some weights, by the layers that only one family has; None for others."""
    if "conv_pw_13" in arrays and "conv1" in arrays:
        return "mobilenet", arrays["conv_pw_13"][0].shape[-1] / 1024
    if "block_16_project" in arrays and "block_13_expand" in arrays:
        # 96 channels at width 1, made a multiple of 8: the narrow ones are told apart by a wider layer.
        width = arrays["block_16_project"][0].shape[-1]
        table = {112: 0.35, 160: 0.5, 240: 0.75, 320: 1.0, 416: 1.3, 448: 1.4}
        return ("mobilenet_v2", table[width]) if width in table else None
    if "conv_bn" in arrays and "expanded_conv_project" in arrays:
        return ("mobilenet_v3_large" if "expanded_conv_14_project" in arrays else "mobilenet_v3_small"), 1.0
    return None
