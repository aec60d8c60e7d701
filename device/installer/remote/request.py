"""A request, read strictly: whoever may send one must not be able to do anything else as root."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any

from ..base import strict_json
from ..base.errors import Refused
from ..base.loop import UNNAMED, Loop, named
from ..release.trial import FRAMES, WITHIN_S, TrialOptions
from ..release.update import SHARE

SCHEMA = "edgevision.request/1"
MAX_BYTES = 64 * 2**10
VERBS = ("update", "rollback", "start", "stop", "prune", "allow", "health")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Request:
    """What ``edgevision deploy`` asks a device to do."""

    verb: str
    bundle: Path | None = None
    """Bundle to install, for ``update``."""
    trust: tuple[Path, ...] = ()
    """Public keys to trust from now on."""
    frames: int = FRAMES
    within_s: float = WITHIN_S
    min_fps: float | None = None
    share: float = SHARE
    user: str | None = None
    """User who may send requests without a password, for ``allow``."""
    loop: Loop = UNNAMED
    """Loop to change."""

    @property
    def trial(self) -> TrialOptions:
        """What the new release has to show."""
        return TrialOptions(self.frames, self.within_s, self.min_fps)


def parse(data: bytes) -> Request:
    """Read a request. Raises Refused for anything unexpected."""
    try:
        value = strict_json.loads(data, MAX_BYTES)
    except ValueError as error:
        raise Refused(f"the request is not valid JSON: {error}") from None
    if not isinstance(value, dict) or value.pop("schema", None) != SCHEMA:
        raise Refused(f"expected a request of schema {SCHEMA!r}; use the same version of edgevision on both sides")
    unknown = set(value) - {field.name for field in fields(Request)}
    if unknown or value.get("verb") not in VERBS:
        what = (
            f"unknown entries: {', '.join(sorted(unknown))}" if unknown else f"unknown verb {value.get('verb')!r:.40}"
        )
        raise Refused(f"{what}; use the same version of edgevision on both sides")
    return _checked(value)


def _checked(value: Mapping[str, Any]) -> Request:
    found = Request(
        verb=value["verb"],
        bundle=None if value.get("bundle") is None else _path(value["bundle"]),
        trust=tuple(_path(one) for one in _list(value.get("trust", []))),
        frames=int(_number(value.get("frames", FRAMES), "frames", 1, 10**6)),
        within_s=_number(value.get("within_s", WITHIN_S), "within_s", 1, 3600),
        min_fps=None if value.get("min_fps") is None else _number(value["min_fps"], "min_fps", 0, 1000),
        share=_number(value.get("share", SHARE), "share", 0, 1),
        user=value.get("user"),
        loop=_loop(value.get("loop")),
    )
    if found.verb == "update" and found.bundle is None:
        raise Refused("the request names no bundle")
    if found.user is not None and not (isinstance(found.user, str) and _USER.fullmatch(found.user)):
        raise Refused(f"invalid user name: {found.user!r:.60}")
    return found


def _loop(value: Any) -> Loop:
    if value is not None and not isinstance(value, str):
        raise Refused(f"expected the name of a loop, got {value!r:.60}")
    return named(value)


def _path(value: Any) -> Path:
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value or len(value) > 4096:
        raise Refused(f"expected an absolute path, got {value!r:.60}")
    return Path(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > 20:
        raise Refused(f"expected a list of paths, got {value!r:.60}")
    return value


def _number(value: Any, name: str, low: float, high: float) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not isfinite(value)
        or not low <= value <= high
    ):
        raise Refused(f"{name} must be a number from {low:g} to {high:g}, got {value!r:.40}")
    return float(value)
