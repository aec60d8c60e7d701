"""Values of ``edgevision run`` beyond click's own: each stays a text that was checked, as a configuration file has it."""

from __future__ import annotations

import re
from typing import Any

import click

from edgevision.errors import BadInput


class Rotation(click.types.IntParamType):
    """0, 90, 180 or 270."""

    name = "degrees"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        turned: int = super().convert(value, param, ctx)
        if turned not in (0, 90, 180, 270):
            self.fail(f"{turned} is none of 0, 90, 180 and 270", param, ctx)
        return turned


class Size(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """``1280x720``: stays a text, checked."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        width, _, height = str(value).lower().partition("x")
        if not (width.isdecimal() and height.isdecimal() and 1 <= int(width) <= 16384 and 1 <= int(height) <= 16384):
            self.fail(f"{value!r} is no size; write, for one, 1280x720", param, ctx)
        return f"{int(width)}x{int(height)}"


class Bytes(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """``500MB``: stays a text, checked."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if parse_bytes(str(value)) is None:
            self.fail(f"{value!r} is no size on a disk; write, for one, 500MB or 2GB", param, ctx)
        return str(value)


class Part(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """``0.25,0,0.5,1``: stays a text, checked."""

    name = "part"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from ..cameras.wanted import Wanted

        try:
            Wanted(roi=four_numbers(str(value)))
        except (BadInput, ValueError):
            self.fail(
                f"{value!r} is no part of the picture; write x,y,width,height, each 0 to 1, within it: "
                "the middle is 0.25,0.25,0.5,0.5",
                param,
                ctx,
            )
        return str(value)


def parse_bytes(text: str) -> int | None:
    """Bytes from 1 on, kB, MB, GB and TB by the thousand; None where it is no such size."""
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?) ?([kMGT]?)B?", text.strip(), re.IGNORECASE)
    if found is None:
        return None
    size = int(float(found[1]) * 1000 ** " kmgt".index(found[2].lower() or " "))
    return size or None


def four_numbers(text: str) -> tuple[float, float, float, float]:
    """x,y,width,height. Raises ValueError."""
    x, y, width, height = (float(part) for part in text.split(","))
    return x, y, width, height


def finite(_: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Range types let NaN and infinity through."""
    if value is not None and not abs(value) < float("inf"):
        raise click.BadParameter(f"{value} is no number", param=parameter)
    return value
