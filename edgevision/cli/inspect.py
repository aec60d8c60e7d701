"""``edgevision inspect MODEL``: show what a .tflite contains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..next_command import run_command
from ..reporting.terminal import short, size
from .options import PATH, json_option
from .terminal import say, say_json

if TYPE_CHECKING:
    from rich.table import Table

MAX_CELL, MAX_FACT = 200, 2000
"""Longest text of a table cell and of a line about the file (characters); breaking more into lines takes seconds."""
MAX_ROWS = 200
"""Largest number of inputs, outputs and operators that are shown; real models have fewer."""


@click.command()
@click.argument("model", type=PATH)
@json_option
def inspect(model: Path, as_json: bool) -> None:
    """Show what a .tflite contains: model card, tensors, operators, size, Edge TPU readiness, whether it runs here."""
    from ..inspection.report import inspect as report_on

    report = report_on(model)
    if as_json:
        say_json(report)
    else:
        _show(report)


def _show(report: dict[str, Any]) -> None:
    from rich.console import Console

    # Names from the file must not act as rich markup or as terminal control sequences.
    console = Console(highlight=False, markup=False, emoji=False)
    for table in (_summary(report), _ends(report), _operators(report)):
        console.print(table)
    for note in report["notes"]:
        say(f"note: {note}")
    say(f"{report['path']}: {_verdict(report)}")
    say(f"next: {_next(report)}")


def _summary(report: dict[str, Any]) -> Table:
    table = _table()
    for name, value in _facts(report):
        table.add_row(name, short(value, MAX_FACT))
    return table


def _facts(report: dict[str, Any]) -> list[tuple[str, str]]:
    from ..preprocessing.spec import Preprocessing

    card, metadata, tensors = report["card"], report["metadata"], report["tensors"]
    facts = [
        ("file", f"{size(report['bytes'])}, sha256 {report['sha256'][:16]}"),
        ("contains", ", ".join(f["name"] for f in report["files"]) or "only the model"),
        ("weights", f"{tensors['parameters']:,} parameters, {size(tensors['parameter_bytes'])}"),
        ("tensors", ", ".join(f"{count} {dtype}" for dtype, count in tensors["by_type"].items())),
    ]
    if len(report["signatures"]) > 1:
        facts.append(("signatures", ", ".join(_signature(one) for one in report["signatures"])))
    if metadata is not None:
        facts.append(("metadata", ", ".join(v for v in (metadata["name"], metadata["author"]) if v) or "unnamed"))
    if card is not None:
        facts += [
            ("card", f"{card['name']}: {card['task']}, {card['activation']}"),
            *([("made by", card["maker"])] if card["maker"] else []),
            ("labels", _labels(card["labels"])),
        ]
        facts += [("preprocessing", Preprocessing.from_json(card["preprocessing"]).describe())]
        facts += [("self-test", _self_test(card))]
    if report["layouts"]:
        facts.append(("layout", " or ".join(_layout(one) for one in report["layouts"])))
    return [*facts, ("Edge TPU", _edgetpu(report["edgetpu"])), *_other_tools(report["compatibility"])]


def _self_test(card: dict[str, Any]) -> str:
    test = card["selftest"] or card["detector_selftest"]
    return f"{len(test['cases'])} images" if test else "none"


def _signature(one: dict[str, Any]) -> str:
    return f"{one['name']} (this one is run)" if one["used"] else str(one["name"])


def _layout(one: dict[str, Any]) -> str:
    classes = "" if one["classes"] is None else f", {one['classes']} class{'es' if one['classes'] != 1 else ''}"
    return f"{one['name']}{classes}: {one['description']}"


def _other_tools(found: dict[str, Any]) -> list[tuple[str, str]]:
    names = {"mediapipe": "MediaPipe", "mlkit": "ML Kit", "tflite_runtime": "tflite-runtime"}
    return [
        (name, "; ".join(["yes", *found[key]["notes"]]) if found[key]["ok"] else f"no: {found[key]['reason']}")
        for key, name in names.items()
    ]


def _labels(labels: list[str]) -> str:
    shown = " | ".join(labels[:5]) + (" | ..." if len(labels) > 5 else "")
    return f"{len(labels)}: {shown}" if labels else "none"


def _edgetpu(found: dict[str, Any]) -> str:
    if found["compiled"]:
        return "compiled; runs only on an Edge TPU"
    if found["part_bytes"] is not None:
        return f"compiled in this file, too ({found['part_bytes'] / 1e6:.2f} MB); runs there and on the CPU"
    if not found["ready"]:
        return "not ready: " + "; ".join(found["reasons"])
    size = f"{found['parameter_bytes'] / 1e6:.2f} MB of weights"
    return f"ready to compile, {size}" + ("" if found["fits_on_chip"] else ": more than stay on the chip (about 8 MB)")


def _ends(report: dict[str, Any]) -> Table:
    table = _table("", "tensor", "shape", "type", "real value")
    for kind in ("inputs", "outputs"):
        specs = report["tensors"][kind]
        for spec in specs[:MAX_ROWS]:
            scale, zero = spec["scale"], spec["zero_point"]
            real = "-" if scale is None else f"{scale:.6g} * (stored - {zero})"
            table.add_row(kind[:-1], short(spec["name"], MAX_CELL), _shape(spec["shape"]), spec["dtype"], real)
        _add_rest(table, specs)
    return table


def _operators(report: dict[str, Any]) -> Table:
    table = _table("operator", "version", "count", "int8")
    for op in report["operators"][:MAX_ROWS]:
        name, int8 = short(op["name"], MAX_CELL), "yes" if op["int8"] else "no"
        table.add_row(name, str(op["version"]), str(op["count"]), int8)
    _add_rest(table, report["operators"])
    return table


def _add_rest(table: Table, rows: list[Any]) -> None:
    """Add how many rows are not shown."""
    if len(rows) > MAX_ROWS:
        table.add_row(f"... and {len(rows) - MAX_ROWS} more")


def _shape(shape: list[int]) -> str:
    return short("x".join(map(str, shape)) or "-", MAX_CELL)


def _table(*headers: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD if headers else None, show_header=bool(headers), pad_edge=False)
    for header in headers or ("", ""):
        table.add_column(header, overflow="fold")
    return table


def _verdict(report: dict[str, Any]) -> str:
    here = report["runs_here"]
    return (
        f"{_numbers(report)}, runs here" if here["ok"] else f"{_numbers(report)}, does not run here: {here['reason']}"
    )


def _numbers(report: dict[str, Any]) -> str:
    """Describe the model's number types."""
    types = set(report["tensors"]["by_type"])
    if report["edgetpu"]["compiled"]:
        return "compiled for the Edge TPU"
    if report["all_int8"]:
        return "all int8"
    if "int16" in types and "int8" in types:
        return "int16, with int8 weights"
    if "float16" in types:
        return "float, with float16 weights"
    if "int8" in types or "uint8" in types:
        return "8 bit, with float parts" if "float32" in types else "8 bit, but not all int8"
    return "not quantized"


def _next(report: dict[str, Any]) -> str:
    import shlex

    path, opens = shlex.quote(report["path"]), report["opens_as"]
    if report["edgetpu"]["compiled"]:
        return "edgevision convert --help"
    if not report["usable"]["ok"]:
        return "choose another model, or train one: edgevision train PHOTOS/"
    if opens is None or not report["runs_here"]["ok"]:
        return f"edgevision card {path} --help"
    return run_command(report["path"])
