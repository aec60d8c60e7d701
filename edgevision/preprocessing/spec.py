"""The preprocessing specification: how an image becomes the model's input.

It is stored in the model file and is never an option of ``run``.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal, get_args

from ..errors import BadInput
from ..records import record

Resize = Literal["stretch", "crop", "letterbox"]
Align = Literal["center", "top_left"]
ModelOrder = Literal["RGB", "BGR", "GRAY"]
INTERPOLATION = "area_linear_exact"
"""The only interpolation: halving by area averaging, then bit-exact bilinear. It gives the same bytes on every CPU."""
MIN_STD = 1e-6
"""Smallest divisor; a smaller one gives values beyond 32-bit floats."""
MAX_SIDE = 8192
"""Largest input side in pixels. A larger value means that the file is corrupt."""


@record
class Preprocessing:
    """How an image becomes the model's input: size, cropping, channel order and normalization.

    The model receives ``(pixel - mean) / std`` for pixels of 0..255.

    Raises:
        BadInput: A field is out of range, or the fields contradict each other.
    """

    width: int
    """Width of the model's input in pixels."""
    height: int
    """Height of the model's input in pixels."""
    channels: int = 3
    """Number of channels: 1 (gray) or 3."""
    resize: Resize = "stretch"
    """``stretch`` uses the whole image and ignores its aspect ratio; ``crop`` uses the largest centered part with the
    aspect ratio of the input; ``letterbox`` uses the whole image and adds a border."""
    crop_fraction: float = 1.0
    """Fraction of the largest centered part that ``crop`` keeps, above 0, at most 1."""
    fill: int = 0
    """Value of the ``letterbox`` border, 0..255."""
    align: Align = "center"
    """Position of the image in a ``letterbox``: ``center`` or ``top_left``."""
    interpolation: str = INTERPOLATION
    """Interpolation of the resize; only one is supported."""
    order: ModelOrder = "RGB"
    """Channel order of the model's input: RGB, BGR or GRAY."""
    mean: tuple[float, ...] = (0.0,)
    """Mean to subtract, one value or one per channel, on the 0..255 scale of the pixels."""
    std: tuple[float, ...] = (1.0,)
    """Divisor after the subtraction, one value or one per channel, on the same scale; above 0."""

    def __post_init__(self) -> None:
        for name in ("width", "height", "channels", "fill"):
            value = getattr(self, name)
            _check(hasattr(value, "__index__") and not isinstance(value, bool), name, value)  # numpy's integers, too
        _check(1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE, "size", (self.width, self.height))
        _check(self.channels in (1, 3), "channels", self.channels)
        _check(self.resize in get_args(Resize), "resize", self.resize)
        _check(
            hasattr(self.crop_fraction, "__float__") and 0.0 < self.crop_fraction <= 1.0,
            "crop_fraction",
            self.crop_fraction,
        )
        _check(0 <= self.fill <= 255, "fill", self.fill)
        _check(self.align in get_args(Align), "align", self.align)
        _check(self.interpolation == INTERPOLATION, "interpolation", self.interpolation)
        _check(self.order in get_args(ModelOrder), "order", self.order)
        _check((self.order == "GRAY") == (self.channels == 1), "order", (self.order, self.channels))
        for name, values in (("mean", self.mean), ("std", self.std)):
            _check(len(values) in (1, self.channels) and all(abs(v) < 1e6 for v in values), name, values)
        _check(all(v >= MIN_STD for v in self.std), "std", self.std)

    @property
    def scalar(self) -> bool:
        """Whether all channels share one mean and one std, as the quantization of an input can express."""
        return len(set(self.mean)) == 1 and len(set(self.std)) == 1

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values, in order."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, value: object) -> Preprocessing:
        """Create the specification from the values of ``to_json``. Unknown keys are ignored. Raises BadInput."""
        if not isinstance(value, dict):
            raise BadInput(f"the preprocessing must be a JSON object, got {type(value).__name__}")
        known = {k: v for k, v in value.items() if k in cls.__dataclass_fields__}
        for key in ("mean", "std"):
            if key in known:
                known[key] = _numbers(key, known[key])
        missing = next((key for key in ("width", "height") if key not in known), None)
        if missing:
            raise BadInput(f"the preprocessing has no {missing}")
        return cls(**known)

    def describe(self) -> str:
        """Return a one-line description: ``224x224 RGB, crop 0.875, (pixel - 127.5) / 127.5``."""
        shape = f"{self.width}x{self.height} {self.order}"
        part = f" {self.crop_fraction:g}" if self.resize == "crop" else ""
        return f"{shape}, {self.resize}{part}, (pixel - {_short(self.mean)}) / {_short(self.std)}"


def _check(good: bool, name: str, value: object) -> None:
    if not good:
        raise BadInput(f"invalid preprocessing {name}: {value!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _numbers(key: str, value: Any) -> tuple[float, ...]:
    items = value if isinstance(value, (list, tuple)) else [value]
    if not all(map(_is_number, items)):
        raise BadInput(f"invalid preprocessing {key}: {value!r}")
    return tuple(float(v) for v in items)


def _short(values: tuple[float, ...]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else "[" + ", ".join(f"{v:g}" for v in values) + "]"
