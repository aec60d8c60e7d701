"""Training settings, each declared once: section in config.toml, option, range and help."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any

from edgevision.errors import BadInput, nearest
from edgevision.preprocessing.spec import Resize

from .augmentation import FLIPS, PRESETS, Augmentation

AUTO = "auto"
"""Value in options and files for "choose by the data"; None in ``Settings``."""


@dataclass(frozen=True, slots=True)
class Option:
    """Declaration of one setting."""

    section: str
    """Section of config.toml."""
    kind: str
    """Type: int, float, flag, choice, text or ints."""
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    auto: bool = False
    """True if ``auto`` is allowed."""


def _option(default: Any, section: str, kind: str, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"option": Option(section, kind, help, **more)})


_RATE = {"low": 0.0, "high": 10.0}
_AMOUNT = {"low": 0.0, "high": 0.9, "auto": True}


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a training; None means ``auto``."""

    backbone: str = _option(
        "mobilenet_v2", "model", "choice", "Network to train.",
        choices=("mobilenet_v2", "mobilenet", "mobilenet_v3_small", "mobilenet_v3_large", "cnn"),
    )  # fmt: skip
    alpha: float | None = _option(
        None,
        "model",
        "float",
        "Width multiplier of the network; auto: that of the starter weights or the weights file, otherwise 1.",
        low=0.1,
        high=2.0,
        auto=True,
    )
    image_size: int | None = _option(
        None,
        "model",
        "int",
        "Side of the square input in pixels; auto: the backbone's default.",
        low=8,
        high=1024,
        auto=True,
    )
    minimalistic: bool = _option(
        True, "model", "flag", "Use MobileNetV3 without hard-swish and squeeze blocks, which are slow on int8 hardware."
    )
    weights: str = _option(
        "auto",
        "model",
        "text",
        "Initial weights: auto (imagenet if available, otherwise starter), imagenet, starter, none, or a .h5 or .keras file.",
    )
    resize: Resize = _option(
        "crop",
        "model",
        "choice",
        "How to make images square: crop to the center, stretch the whole image, or letterbox it with a border.",
        choices=("crop", "stretch", "letterbox"),
    )
    dropout: float = _option(0.2, "model", "float", "Dropout rate before the last layer.", low=0.0, high=0.9)
    cnn_filters: tuple[int, ...] = _option(
        (32, 64, 128), "model", "ints", "Filters of each convolution block (cnn only)."
    )
    cnn_dense: int = _option(128, "model", "int", "Units of the dense layer (cnn only).", low=1, high=8192)

    head_epochs: int | None = _option(
        None,
        "training",
        "int",
        "Epochs of the first phase, which trains only the last layer.",
        low=0,
        high=10_000,
        auto=True,
    )
    epochs: int | None = _option(
        None, "training", "int", "Epochs of the second phase, which also trains the top blocks, or of training from scratch.",
        low=0, high=10_000, auto=True,
    )  # fmt: skip
    fine_tune_blocks: int | None = _option(
        None,
        "training",
        "int",
        "Number of top blocks to train in the second phase; 0: none.",
        low=0,
        high=100,
        auto=True,
    )
    batch_size: int | None = _option(None, "training", "int", "Images per training step.", low=1, high=4096, auto=True)
    head_rate: float = _option(1e-3, "training", "float", "Learning rate of the first phase.", **_RATE)
    rate: float | None = _option(
        None, "training", "float", "Learning rate of the second phase, or of training from scratch.", **_RATE, auto=True
    )
    schedule: str = _option(
        "cosine", "training", "choice", "Learning rate schedule of each phase.", choices=("cosine", "constant")
    )
    weight_decay: float = _option(1e-4, "training", "float", "Weight decay of the kernels (AdamW).", low=0.0, high=1.0)
    label_smoothing: float = _option(
        0.1, "training", "float", "Share of each target that is spread over all classes.", low=0.0, high=0.9
    )
    patience: int | None = _option(
        None,
        "training",
        "int",
        "Epochs without an improved validation loss after which a phase stops.",
        low=1,
        high=10_000,
        auto=True,
    )
    class_weights: str = _option(
        "auto", "training", "choice", "Weight rare classes higher; auto: if one class has twice as many images as another.",
        choices=("auto", "balanced", "none"),
    )  # fmt: skip
    features: str = _option(
        "auto", "training", "choice", "Compute the frozen features once over augmented copies, or live in each epoch.",
        choices=("auto", "once", "live"),
    )  # fmt: skip
    copies: int | None = _option(
        None,
        "training",
        "int",
        "Copies of each image with features once; the first one is not augmented.",
        low=1,
        high=1000,
        auto=True,
    )
    precision: str = _option(
        "auto",
        "training",
        "choice",
        "Arithmetic precision; auto: mixed on a GPU, otherwise float32.",
        choices=("auto", "float32", "mixed"),
    )
    seed: int = _option(
        0,
        "training",
        "int",
        "Random seed; the same seed gives the same result on the same machine.",
        low=0,
        high=2**31 - 1,
    )

    augment: str = _option(
        "light", "augment", "choice", "Strength of the augmentation of training images.", choices=tuple(PRESETS)
    )
    flip: str | None = _option(
        None, "augment", "choice", "Mirror images; auto: as set by --augment.", choices=FLIPS, auto=True
    )
    rotation: float | None = _option(
        None, "augment", "float", "Largest rotation in degrees, to either side.", low=0.0, high=180.0, auto=True
    )
    zoom: float | None = _option(
        None, "augment", "float", "Largest zoom in or out, as a share of the image size.", **_AMOUNT
    )
    translation: float | None = _option(
        None, "augment", "float", "Largest shift, as a share of the image size.", **_AMOUNT
    )
    brightness: float | None = _option(
        None, "augment", "float", "Largest brightness change, as a share of the range.", **_AMOUNT
    )
    contrast: float | None = _option(None, "augment", "float", "Largest relative contrast change.", **_AMOUNT)
    noise: float | None = _option(
        None, "augment", "float", "Standard deviation of the noise, as a share of the range.", **_AMOUNT
    )

    label_map: str | None = _option(
        None, "data", "text", "CSV file with lines name,label that renames classes.", auto=True
    )
    strict: bool = _option(
        False,
        "data",
        "flag",
        "Stop on any warning of the data check, such as an unreadable image.",
    )
    cache: str = _option(
        "auto", "data", "choice", "Where to cache preprocessed images.", choices=("auto", "memory", "disk", "none")
    )
    cache_dir: str | None = _option(None, "data", "text", "Folder for --cache disk; auto: the run folder.", auto=True)

    h5: bool = _option(False, "output", "flag", "Also write model.h5.")
    tensorboard: bool = _option(False, "output", "flag", "Write TensorBoard logs to the run folder.")

    @property
    def augmentation(self) -> Augmentation:
        """Augmentation: the preset with individual settings applied on top."""
        preset = PRESETS[self.augment]
        given = {f.name: getattr(self, f.name) for f in fields(Augmentation)}
        return Augmentation(**{k: getattr(preset, k) if v is None else v for k, v in given.items()})


SECTIONS = ("data", "model", "training", "augment", "output")
OPTIONS: dict[str, Option] = {f.name: f.metadata["option"] for f in fields(Settings)}


def default(name: str) -> Any:
    """Return the default of a setting."""
    found: Field[Any] = next(f for f in fields(Settings) if f.name == name)
    return found.default


def checked(name: str, value: Any) -> Any:
    """Validate a value from a file or an option and return it as stored in ``Settings``. Raises BadInput."""
    option = OPTIONS[name]
    if option.auto and (value is None or value == AUTO):
        return None
    if not _is_of(option.kind, value):
        raise BadInput(f"{name} must be {describe(option)}, got {value!r}")
    if option.kind == "ints":
        return _whole_numbers(name, value)
    if option.kind == "choice" and value not in option.choices:
        raise BadInput(f"{name} must be {describe(option)}, got {value!r}{nearest(value, list(option.choices))}")
    if option.low is not None and option.high is not None and not option.low <= value <= option.high:
        raise BadInput(f"{name} must be {describe(option)}, got {value!r}")
    return float(value) if option.kind == "float" else value


def describe(option: Option) -> str:
    """Describe the allowed values of a setting, such as ``a number from 0 to 1 or 'auto'``."""
    words = {"int": "a whole number", "float": "a number", "flag": "true or false", "text": "text"}
    text = {"choice": "one of " + ", ".join(option.choices), "ints": "a list of whole numbers"}.get(option.kind, "")
    text = text or words[option.kind]
    if option.low is not None and option.high is not None:
        text += f" from {option.low:g} to {option.high:g}"
    return text + (" or 'auto'" if option.auto else "")


def _is_of(kind: str, value: Any) -> bool:
    kinds: dict[str, tuple[type, ...]] = {
        "int": (int,), "float": (int, float), "flag": (bool,), "choice": (str,), "text": (str,), "ints": (list, tuple)
    }  # fmt: skip
    return isinstance(value, kinds[kind]) and (kind == "flag" or not isinstance(value, bool))


def _whole_numbers(name: str, values: Any) -> tuple[int, ...]:
    good = [isinstance(v, int) and not isinstance(v, bool) and 1 <= v <= 4096 for v in values]
    if not values or len(values) > 8 or not all(good):
        raise BadInput(f"{name} must be one to eight whole numbers from 1 to 4096, got {list(values)}")
    return tuple(values)
