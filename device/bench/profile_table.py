"""A profile for people: the operators that take longest, and kinds of operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgevision import html
from edgevision.html import Html
from edgevision.terminal import table

from .profile import NOT_RUN
from .table import ms

if TYPE_CHECKING:
    from rich.table import Table

MOST = 15


def note(profile: Mapping[str, Any]) -> str:
    """What the figures are worth."""
    left_out = any(one["runs_in"] == NOT_RUN for one in profile["operators"])
    told = f" What is {NOT_RUN} is done while the input is written, in a fraction of that time." if left_out else ""
    return (
        f"Estimated from the model cut after each operator. The sum of all is {ms(profile['sum_ms'])} ms, the whole model "
        f"takes {ms(profile['whole_ms'])} ms ({profile['sum_over_whole']:.2f} times); two rounds of the same cut lie "
        f"{ms(profile['noise_ms'])} ms apart, and what is less is noise.{told}"
    )


def rows(profile: Mapping[str, Any], most: int = MOST) -> list[Sequence[str]]:
    """The operators that take longest."""
    found = sorted(profile["operators"], key=lambda one: -one["ms"])[:most]
    return [
        (f"{one['index']} {one['name']}", "x".join(map(str, one["shape"])), ms(one["ms"]), f"{100 * one['share']:.1f} %",
         one["runs_in"])
        for one in found
    ]  # fmt: skip


def kinds(profile: Mapping[str, Any]) -> list[Sequence[str]]:
    """Kinds of operators by where they run: name, number, ms, share, runs in; longest first."""
    groups: dict[tuple[str, str], list[float]] = {}
    for one in profile["operators"]:
        groups.setdefault((one["name"], one["runs_in"]), []).append(one["ms"])
    whole = profile["sum_ms"] or 1.0
    return [
        (name, str(len(times)), ms(sum(times)), f"{100 * sum(times) / whole:.1f} %", where)
        for (name, where), times in sorted(groups.items(), key=lambda item: -sum(item[1]))
    ]


def profile_tables(results: Sequence[Mapping[str, Any]]) -> list[Table]:
    """For a terminal; nothing where no profile was made."""
    heads = ("operator", ">output", ">ms", ">share", "runs in")
    return [
        table(heads, rows(one["profile"]), title=f"Operators of {one['id']}\n{note(one['profile'])}")
        for one in results
        if one.get("profile")
    ]


def profile_sections(results: Sequence[Mapping[str, Any]]) -> list[Html]:
    """For a page."""
    found = []
    for one in results:
        if not one.get("profile"):
            continue
        by_kind = html.table(("", "number", "ms", "share", "<runs in"), kinds(one["profile"]))
        longest = [(name, *times, where, shape) for name, shape, *times, where in rows(one["profile"])]
        every = html.table(("", "ms", "share", "<runs in", "output"), longest)
        found.append(html.section(f"Operators of {one['id']}", by_kind, every, note=note(one["profile"])))
    return found
