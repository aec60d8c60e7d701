"""click types for ``edgevision run``. Values are validated but stay text, as in a configuration file."""

from __future__ import annotations

import re
from typing import Any

import click

from edgevision.errors import BadInput


class Rotation(click.types.IntParamType):
    """Rotation in degrees: 0, 90, 180 or 270."""

    name = "degrees"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        turned: int = super().convert(value, param, ctx)
        if turned not in (0, 90, 180, 270):
            self.fail(f"expected 0, 90, 180 or 270, got {turned}", param, ctx)
        return turned


class Size(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """Image size in pixels, such as ``1280x720``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        width, _, height = str(value).lower().partition("x")
        if not (width.isdecimal() and height.isdecimal() and 1 <= int(width) <= 16384 and 1 <= int(height) <= 16384):
            self.fail(f"expected WIDTHxHEIGHT in pixels, such as 1280x720, got {value!r}", param, ctx)
        return f"{int(width)}x{int(height)}"


class Bytes(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """Size in bytes, such as ``500MB``."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if parse_bytes(str(value)) is None:
            self.fail(f"expected a disk size, such as 500MB or 2GB, got {value!r}", param, ctx)
        return str(value)


class Region(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """Part of an image as x,y,width,height, such as ``0.25,0,0.5,1``."""

    name = "part"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from ..stream.request import CaptureRequest

        try:
            CaptureRequest(roi=four_numbers(str(value)))
        except (BadInput, ValueError):
            self.fail(
                "expected x,y,width,height within the image, each 0 to 1, such as 0.25,0.25,0.5,0.5 for the middle, "
                f"got {value!r}",
                param,
                ctx,
            )
        return str(value)


def parse_bytes(text: str) -> int | None:
    """Parse a size such as 1, 20kB, 500MB, 2GB or 1TB (powers of 1000) into bytes; return None if it is invalid or zero."""
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?) ?([kMGT]?)B?", text.strip(), re.IGNORECASE)
    if found is None:
        return None
    size = int(float(found[1]) * 1000 ** " kmgt".index(found[2].lower() or " "))
    return size or None


def four_numbers(text: str) -> tuple[float, float, float, float]:
    """Parse x,y,width,height. Raises ValueError."""
    x, y, width, height = (float(part) for part in text.split(","))
    return x, y, width, height


def finite(_: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Reject NaN and infinity, which click's range types accept."""
    if value is not None and not abs(value) < float("inf"):
        raise click.BadParameter(f"expected a finite number, got {value}", param=parameter)
    return value
