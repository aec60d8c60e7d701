"""Tables of a profile: the slowest operators, and totals by kind of operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgevision.reporting import html
from edgevision.reporting.html import Html
from edgevision.reporting.terminal import table

from .profile import NOT_RUN
from .tables import ms

if TYPE_CHECKING:
    from rich.table import Table

MOST = 15
"""Largest number of operators shown."""


def note(profile: Mapping[str, Any]) -> str:
    """Return a note on the accuracy of the estimate."""
    left_out = any(one["runs_in"] == NOT_RUN for one in profile["operators"])
    told = (
        f" The operator that is {NOT_RUN} is replaced by a much faster step while the input is written."
        if left_out
        else ""
    )
    return (
        f"Estimated by truncating the model after each operator. All operators add up to {ms(profile['sum_ms'])} ms; the whole "
        f"model takes {ms(profile['whole_ms'])} ms (ratio {profile['sum_over_whole']:.2f}). Differences below "
        f"{ms(profile['noise_ms'])} ms are noise.{told}"
    )


def rows(profile: Mapping[str, Any], most: int = MOST) -> list[Sequence[str]]:
    """Return the rows of the slowest operators."""
    found = sorted(profile["operators"], key=lambda one: -one["ms"])[:most]
    return [
        (f"{one['index']} {one['name']}", "x".join(map(str, one["shape"])), ms(one["ms"]), f"{100 * one['share']:.1f} %",
         one["runs_in"])
        for one in found
    ]  # fmt: skip


def kinds(profile: Mapping[str, Any]) -> list[Sequence[str]]:
    """Return totals by kind of operator and where it runs, slowest first: name, count, ms, share, runs in."""
    groups: dict[tuple[str, str], list[float]] = {}
    for one in profile["operators"]:
        groups.setdefault((one["name"], one["runs_in"]), []).append(one["ms"])
    whole = profile["sum_ms"] or 1.0
    return [
        (name, str(len(times)), ms(sum(times)), f"{100 * sum(times) / whole:.1f} %", where)
        for (name, where), times in sorted(groups.items(), key=lambda item: -sum(item[1]))
    ]


def profile_tables(results: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Return terminal tables of the results that have a profile."""
    heads = ("operator", ">output", ">ms", ">share", "runs in")
    return [
        table(heads, rows(one["profile"]), title=f"Operators of {one['id']}\n{note(one['profile'])}")
        for one in results
        if one.get("profile")
    ]


def profile_sections(results: Sequence[Mapping[str, Any]]) -> list[Html]:
    """Return page sections of the results that have a profile."""
    found = []
    for one in results:
        if not one.get("profile"):
            continue
        by_kind = html.table(("", "count", "ms", "share", "<runs in"), kinds(one["profile"]))
        longest = [(name, *times, where, shape) for name, shape, *times, where in rows(one["profile"])]
        every = html.table(("", "ms", "share", "<runs in", "output"), longest)
        found.append(html.section(f"Operators of {one['id']}", by_kind, every, note=note(one["profile"])))
    return found
