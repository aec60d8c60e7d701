"""Counting lines and zones as users write them: ``--count-line x0,y0,x1,y1,name`` and ``--zone x,y,x,y,x,y,name``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, TypeVar

from edgevision.errors import BadInput
from edgevision.records import record

Point = tuple[float, float]
"""x and y as fractions of the frame, 0..1."""
MAX_SHAPES, MAX_CORNERS, MAX_NAME = 32, 32, 40
"""Largest number of lines or of zones, of corners of a zone, and of characters of a name."""
SHORTEST = 0.01
"""Shortest line, as a fraction of the frame's sides."""
SMALLEST = 0.0001
"""Smallest zone, as a fraction of the frame's area."""
LINE_FORM = "x0,y0,x1,y1 or x0,y0,x1,y1,name, with numbers from 0 to 1, such as 0.5,0,0.5,1,door"
ZONE_FORM = (
    "at least 3 corners x,y,x,y,x,y and maybe a name, with numbers from 0 to 1, such as 0,0.5,1,0.5,1,1,0,1,yard"
)
NAME_FORM = "up to 40 letters, digits, spaces, - and _, starting with a letter"
_NUMBER = re.compile(r"(?:\d{1,2}(?:\.\d{0,9})?|\.\d{1,9})", re.ASCII)
_NAME = re.compile(rf"[^\W\d_][\w -]{{0,{MAX_NAME - 1}}}")


@record
class CountLine:
    """A line on which objects are counted. Forward is from its left side to its right, seen from start to end."""

    start: Point
    end: Point
    name: str = ""
    """Empty: it gets one when all lines are known."""


@record
class Zone:
    """An area in which objects are counted and timed."""

    corners: tuple[Point, ...]
    name: str = ""
    """Empty: it gets one when all zones are known."""


@record
class Shapes:
    """The counting lines and zones of a camera, each with a name of its own."""

    lines: tuple[CountLine, ...] = ()
    zones: tuple[Zone, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there are none."""
        return not self.lines and not self.zones


Shape = TypeVar("Shape", CountLine, Zone)


def parse_line(text: Any) -> CountLine:
    """Return the line of a text as LINE_FORM describes it. Raises BadInput."""
    numbers, name = _parts(text, "counting line", LINE_FORM)
    if len(numbers) != 4:
        raise BadInput(f"invalid counting line {text!r:.80}: it has {len(numbers)} numbers; use {LINE_FORM}")
    start, end = _points(numbers)
    if max(abs(start[0] - end[0]), abs(start[1] - end[1])) < SHORTEST:
        raise BadInput(
            f"invalid counting line {text!r:.80}: it is shorter than {SHORTEST:g} of the image; use {LINE_FORM}"
        )
    return CountLine(start, end, name)


def parse_zone(text: Any) -> Zone:
    """Return the zone of a text as ZONE_FORM describes it. Raises BadInput."""
    numbers, name = _parts(text, "zone", ZONE_FORM)
    if len(numbers) % 2 or not 3 <= len(numbers) // 2 <= MAX_CORNERS:
        raise BadInput(
            f"invalid zone {text!r:.80}: it has {len(numbers)} numbers; use {ZONE_FORM} (up to {MAX_CORNERS} corners)"
        )
    corners = _points(numbers)
    if abs(_area(corners)) < SMALLEST:
        raise BadInput(f"invalid zone {text!r:.80}: it covers no area; give its corners in their order around it")
    if _crosses_itself(corners):
        raise BadInput(f"invalid zone {text!r:.80}: its edges cross; give its corners in their order around it")
    return Zone(corners, name)


def format_line(line: CountLine) -> str:
    """Return the text from which ``parse_line`` makes this line."""
    return _text((line.start, line.end), line.name)


def format_zone(zone: Zone) -> str:
    """Return the text from which ``parse_zone`` makes this zone."""
    return _text(zone.corners, zone.name)


def named(shapes: Sequence[Shape], what: str) -> tuple[Shape, ...]:
    """Return the shapes with a name for each: those without one become ``line1``, ``line2`` ... Raises BadInput.

    ``what``: ``line`` or ``zone``.
    """
    if len(shapes) > MAX_SHAPES:
        raise BadInput(f"{len(shapes)} {what}s are too many; use at most {MAX_SHAPES}")
    made = tuple(one if one.name else replace(one, name=f"{what}{place}") for place, one in enumerate(shapes, 1))
    seen: set[str] = set()
    for one in made:
        if one.name.casefold() in seen:
            raise BadInput(f"two {what}s are named {one.name}; give each a name of its own")
        seen.add(one.name.casefold())
    return made


def all_named(lines: Sequence[CountLine], zones: Sequence[Zone]) -> Shapes:
    """Return lines and zones with a name for each. Raises BadInput for names that are used twice."""
    return Shapes(named(lines, "line"), named(zones, "zone"))


def _parts(text: Any, what: str, form: str) -> tuple[list[float], str]:
    """Return the numbers and the name of a text; an empty name if there is none. Raises BadInput."""
    if not isinstance(text, str):
        raise BadInput(f"invalid {what} {str(text)!r:.80}: expected a text: {form}")
    parts = [part.strip() for part in text.split(",")]
    name = parts.pop() if not _NUMBER.fullmatch(parts[-1]) else ""
    if name and not _NAME.fullmatch(name):
        raise BadInput(
            f"invalid {what} {text!r:.80}: {name!r:.50} is not a name or a number from 0 to 1; a name has {NAME_FORM}"
        )
    wrong = next((part for part in parts if not (_NUMBER.fullmatch(part) and float(part) <= 1)), None)
    if wrong is not None or not parts:
        given = f"{wrong!r:.50} is not a number from 0 to 1" if wrong is not None else "it has no numbers"
        raise BadInput(f"invalid {what} {text!r:.80}: {given}; use {form}")
    return [float(part) for part in parts], name


def _points(numbers: Sequence[float]) -> tuple[Point, ...]:
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _text(points: Sequence[Point], name: str) -> str:
    numbers = [f"{value:.9f}".rstrip("0").rstrip(".") for point in points for value in point]
    return ",".join([*numbers, name] if name else numbers)


def _edges(corners: Sequence[Point]) -> Iterator[tuple[Point, Point]]:
    return zip(corners, (*corners[1:], corners[0]), strict=True)


def _area(corners: Sequence[Point]) -> float:
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in _edges(corners)) / 2


def _crosses_itself(corners: Sequence[Point]) -> bool:
    edges = list(_edges(corners))
    return any(
        _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0
        for (a, b), (c, d) in combinations(edges, 2)
    )


def _turn(a: Point, b: Point, c: Point) -> float:
    """Return a positive number if c is to the right of the way from a to b, seen on the screen."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
