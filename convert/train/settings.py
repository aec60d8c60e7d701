"""Every setting of a training, once: its section in config.toml, its option, its range and its help."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any

from edgevision.errors import BadInput, nearest
from edgevision.rule import Resize

from ..augment import FLIPS, PRESETS, Augmentation

AUTO = "auto"
"""What stands for "choose by the data" in options and files; None in ``Settings``."""


@dataclass(frozen=True, slots=True)
class Option:
    """How one setting is given."""

    section: str
    """Of config.toml."""
    kind: str
    """int, float, flag, choice, text or ints."""
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    auto: bool = False
    """Whether ``auto`` is allowed."""


def _option(default: Any, section: str, kind: str, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"option": Option(section, kind, help, **more)})


_RATE = {"low": 0.0, "high": 10.0}
_AMOUNT = {"low": 0.0, "high": 0.9, "auto": True}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked for; None is ``auto``."""

    backbone: str = _option(
        "mobilenet_v2", "model", "choice", "Network to train.",
        choices=("mobilenet_v2", "mobilenet", "mobilenet_v3_small", "mobilenet_v3_large", "cnn"),
    )  # fmt: skip
    alpha: float | None = _option(
        None,
        "model",
        "float",
        "Width of the network; auto: that of the starter or of a weights file, else 1.",
        low=0.1,
        high=2.0,
        auto=True,
    )
    image_size: int | None = _option(
        None, "model", "int", "Pixels of a side of the input; auto: the backbone's own.", low=8, high=1024, auto=True
    )
    minimalistic: bool = _option(
        True, "model", "flag", "MobileNetV3 without hard-swish and squeeze blocks, which int8 hardware runs badly."
    )
    weights: str = _option(
        "auto",
        "model",
        "text",
        "First weights: auto (imagenet where it can be had, else starter), imagenet, starter, none, or a .h5 or .keras file.",
    )
    resize: Resize = _option(
        "crop",
        "model",
        "choice",
        "How a picture becomes a square: its middle (crop), squeezed (stretch keeps the sides), or with a border.",
        choices=("crop", "stretch", "letterbox"),
    )
    dropout: float = _option(
        0.2, "model", "float", "Share of features left out at random before the last layer.", low=0.0, high=0.9
    )
    cnn_filters: tuple[int, ...] = _option(
        (32, 64, 128), "model", "ints", "cnn: filters of each block of convolution and pooling."
    )
    cnn_dense: int = _option(128, "model", "int", "cnn: units of the dense layer.", low=1, high=8192)

    head_epochs: int | None = _option(
        None, "training", "int", "Epochs of the first phase: only the last layer learns.", low=0, high=10_000, auto=True
    )
    epochs: int | None = _option(
        None, "training", "int", "Epochs of the second phase (the top blocks learn too), or of all from scratch.",
        low=0, high=10_000, auto=True,
    )  # fmt: skip
    fine_tune_blocks: int | None = _option(
        None,
        "training",
        "int",
        "Blocks from the top that learn in the second phase; 0: none.",
        low=0,
        high=100,
        auto=True,
    )
    batch_size: int | None = _option(None, "training", "int", "Pictures per step.", low=1, high=4096, auto=True)
    head_rate: float = _option(1e-3, "training", "float", "Learning rate of the first phase.", **_RATE)
    rate: float | None = _option(
        None, "training", "float", "Learning rate of the second phase, or from scratch.", **_RATE, auto=True
    )
    schedule: str = _option(
        "cosine", "training", "choice", "How the learning rate changes over a phase.", choices=("cosine", "constant")
    )
    weight_decay: float = _option(
        1e-4, "training", "float", "Pull of the kernels towards 0 (AdamW).", low=0.0, high=1.0
    )
    label_smoothing: float = _option(
        0.1, "training", "float", "Share of each target given to all classes.", low=0.0, high=0.9
    )
    patience: int | None = _option(
        None,
        "training",
        "int",
        "Epochs without a better validation loss before a phase ends.",
        low=1,
        high=10_000,
        auto=True,
    )
    class_weights: str = _option(
        "auto", "training", "choice", "Let rare classes count more; auto: where one has twice the pictures of another.",
        choices=("auto", "balanced", "none"),
    )  # fmt: skip
    features: str = _option(
        "auto", "training", "choice", "What the frozen part computes: once, over augmented copies, or anew in each epoch.",
        choices=("auto", "once", "live"),
    )  # fmt: skip
    copies: int | None = _option(
        None,
        "training",
        "int",
        "features once: copies of each picture, the first one unchanged.",
        low=1,
        high=1000,
        auto=True,
    )
    precision: str = _option(
        "auto",
        "training",
        "choice",
        "Arithmetic; auto: mixed on a GPU that gains by it.",
        choices=("auto", "float32", "mixed"),
    )
    seed: int = _option(
        0, "training", "int", "The same seed gives the same result on the same machine.", low=0, high=2**31 - 1
    )

    augment: str = _option(
        "light", "augment", "choice", "How far training pictures are changed.", choices=tuple(PRESETS)
    )
    flip: str | None = _option(
        None, "augment", "choice", "Mirror images; auto: as --augment says.", choices=FLIPS, auto=True
    )
    rotation: float | None = _option(
        None, "augment", "float", "Degrees to either side.", low=0.0, high=180.0, auto=True
    )
    zoom: float | None = _option(None, "augment", "float", "Share by which the view shrinks or grows.", **_AMOUNT)
    translation: float | None = _option(None, "augment", "float", "Share of the side to shift by.", **_AMOUNT)
    brightness: float | None = _option(None, "augment", "float", "Share of the range, up or down.", **_AMOUNT)
    contrast: float | None = _option(None, "augment", "float", "Proportion by which it grows or shrinks.", **_AMOUNT)
    noise: float | None = _option(None, "augment", "float", "Share of the range.", **_AMOUNT)

    label_map: str | None = _option(None, "data", "text", "CSV of name,label that renames classes.", auto=True)
    strict: bool = _option(False, "data", "flag", "Stop at the first bad picture instead of leaving it out.")
    cache: str = _option(
        "auto", "data", "choice", "Where prepared pictures are kept.", choices=("auto", "memory", "disk", "none")
    )
    cache_dir: str | None = _option(None, "data", "text", "Folder for --cache disk; auto: the run folder.", auto=True)

    h5: bool = _option(False, "output", "flag", "Write model.h5 too.")
    tensorboard: bool = _option(False, "output", "flag", "Write TensorBoard logs to the run folder.")

    @property
    def augmentation(self) -> Augmentation:
        """The preset with the single switches on top."""
        preset = PRESETS[self.augment]
        given = {f.name: getattr(self, f.name) for f in fields(Augmentation)}
        return Augmentation(**{k: getattr(preset, k) if v is None else v for k, v in given.items()})


SECTIONS = ("data", "model", "training", "augment", "output")
OPTIONS: dict[str, Option] = {f.name: f.metadata["option"] for f in fields(Settings)}


def default(name: str) -> Any:
    """Of a setting, by its name."""
    found: Field[Any] = next(f for f in fields(Settings) if f.name == name)
    return found.default


def checked(name: str, value: Any) -> Any:
    """A value from a file or an option, as ``Settings`` keeps it. Raises BadInput."""
    option = OPTIONS[name]
    if option.auto and (value is None or value == AUTO):
        return None
    if not _is_of(option.kind, value):
        raise BadInput(f"{name} must be {describe(option)}, not {value!r}")
    if option.kind == "ints":
        return _whole_numbers(name, value)
    if option.kind == "choice" and value not in option.choices:
        raise BadInput(f"{name} must be {describe(option)}, not {value!r}{nearest(value, list(option.choices))}")
    if option.low is not None and option.high is not None and not option.low <= value <= option.high:
        raise BadInput(f"{name} must be {describe(option)}, not {value!r}")
    return float(value) if option.kind == "float" else value


def describe(option: Option) -> str:
    """What values a setting takes, for people."""
    words = {"int": "a whole number", "float": "a number", "flag": "true or false", "text": "a text"}
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
        raise BadInput(f"{name} must be one to eight whole numbers from 1 to 4096, not {list(values)}")
    return tuple(values)
