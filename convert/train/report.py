"""report.html: the whole story of a training on one page, with all pictures inside; readable on a phone."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision import runs
from edgevision.data import Frame
from edgevision.pictures import encode_jpeg

from ..plots import Tile
from .history import overfitting
from .sheets import worst_tiles

if TYPE_CHECKING:
    from edgevision.evaluate import Evaluation

    from .training import TrainResult

MAX_CLASSES = 60
"""Rows of the table of classes; of more, those with the lowest F1."""


def page(result: TrainResult) -> str:
    """The HTML text."""
    parts = [_head(result), _headline(result), _findings(result), _classes(result.evaluation)]
    parts += [
        _picture(result.folder / "curves.png", "Learning", "Loss and accuracy of each epoch."),
        _picture(
            result.folder / "confusion.png",
            "Confusion",
            "Rows: what it is. Columns: what the model says.",
            _few(result),
        ),
        _worst(result),
        _picture(
            result.folder / "samples.png", "Training pictures", "Left as they are, then as they were learnt from."
        ),
        _details(result),
        "</main></body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _head(result: TrainResult) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(result.plan.choice.backbone)} - edgevision train</title><style>{CSS}</style></head><body><main>"
    )


def _headline(result: TrainResult) -> str:
    goal = result.learning.goal
    title = f"<p class=kicker>edgevision train</p><h1>{escape(_names(goal.classes))}</h1>"
    network = f"<p class=sub>{escape(result.plan.choice.describe())}, {escape(result.origin)}</p>"
    return f"<header>{title}{network}{_score(result.evaluation)}</header>"


def _score(evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return "<p class=score>not tested</p><p class=sub>there were no pictures left to test with</p>"
    one = evaluation.verdict.judgement.accuracy
    bar = (
        f'<div class=interval><span style="left:{100 * one.low:.2f}%;width:{100 * (one.high - one.low):.2f}%"></span>'
        f'<b style="left:{100 * one.value:.2f}%"></b></div><div class=scale><span>0 %</span><span>100 %</span></div>'
    )
    return (
        f"<p class=score>{100 * one.value:.1f}<small> %</small></p>"
        f"<p class=sub>of {one.total} test pictures right, none of them seen in training; "
        f"95 % interval {100 * one.low:.1f} to {100 * one.high:.1f} %</p>{bar}"
    )


def _findings(result: TrainResult) -> str:
    """What a person should know before trusting the model."""
    lines: list[tuple[str, str]] = []
    seen = overfitting(result.history, len(result.learning.val), result.kept)
    if seen is not None:
        lines.append(("warn" if seen.found else "good", seen.describe()))
    if result.evaluation is not None:
        judged = result.evaluation.verdict.judgement
        if judged.accuracy.high - judged.accuracy.low > 0.1:
            lines.append(("warn", "Few test pictures: the score is only a rough one. More pictures make it sharper."))
        found = judged.threshold
        if found.suggested is not None and found.precision is not None and found.recall is not None:
            lines.append(
                (
                    "info",
                    f"Below a score of {found.suggested:.2f} the model had better say nothing: then {_share(found.precision)} of "
                    f"its answers are right, and {_share(found.recall)} of all pictures get a right one.",
                )
            )
    lines += [("warn", line) for line in result.learning.warnings]
    if not lines:
        return ""
    return "<section><h2>Worth knowing</h2><ul class=findings>" + _items(lines) + "</ul></section>"


def _items(lines: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<li class={kind}>{escape(text)}</li>" for kind, text in lines)


def _classes(evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return ""
    judged = evaluation.verdict.judgement
    one = judged.per_class
    order = list(range(len(one.support)))
    title = "Classes"
    if len(order) > MAX_CLASSES:
        order = sorted(order, key=lambda i: 2.0 if math.isnan(one.f1[i]) else float(one.f1[i]))[:MAX_CLASSES]
        title = f"The {MAX_CLASSES} weakest of {len(one.support)} classes"
    rows = [
        [judged.name(i), str(int(one.support[i])), *(_share(float(m[i])) for m in (one.precision, one.recall, one.f1))]
        for i in order
    ]
    head = ["class", "pictures", "precision", "recall", "F1"]
    note = "Precision: of its answers, how many are right. Recall: of the pictures, how many it finds."
    return f"<section><h2>{title}</h2><p class=note>{note}</p>{_table(head, rows)}</section>"


def _worst(result: TrainResult) -> str:
    """The most confidently wrong test pictures, as tiles that flow with the width of the page."""
    if result.evaluation is None:
        return ""
    tiles = worst_tiles(result.evaluation, result.plan.choice.rule(result.settings.resize))
    if not tiles:
        return "<section><h2>Mistakes</h2><p class=note>None on the test pictures.</p></section>"
    cells = "".join(_tile(path, tile) for path, tile in tiles)
    note = "Test pictures, the surest mistakes first, as the network saw them. One that lies in the wrong folder shows up here."
    return f"<section><h2>Most confidently wrong</h2><p class=note>{note}</p><div class=tiles>{cells}</div></section>"


def _tile(path: str, tile: Tile) -> str:
    data = base64.b64encode(encode_jpeg(Frame(tile.pixels, "RGB"), 85)).decode()
    lines = "<br>".join(escape(line) for line in tile.caption.split("\n"))
    image = f'<img alt="{escape(path)}" src="data:image/jpeg;base64,{data}">'
    return f"<figure>{image}<figcaption>{lines}<small>{escape(path)}</small></figcaption></figure>"


def _details(result: TrainResult) -> str:
    plan, learning = result.plan, result.learning
    counts = ", ".join(f"{n} {name}" for name, n in learning.counts().items())
    rows = [
        ["network", plan.choice.describe()],
        ["first weights", result.origin],
        ["answer", learning.goal.describe()],
        ["pictures", counts],
        ["left out", f"{len(learning.skipped)} files"],
        ["input", plan.choice.rule(result.settings.resize).describe()],
        *([phase, text] for phase, text in _phases(result)),
        ["kept", f"the weights of epoch {result.kept} of {len(result.history)}"],
        ["scores", _scores(result)],
        ["seed", str(plan.seed)],
        ["versions", ", ".join(f"{name} {version}" for name, version in runs.versions().items())],
    ]
    made = _table(["", ""], rows, plain=True)
    files = "config.toml repeats this training; split.csv says which picture was in which part; history.csv has every epoch."
    return f"<section><h2>How it was made</h2>{made}<p class=note>{files}</p></section>"


def _scores(result: TrainResult) -> str:
    if result.temperature is None:
        return "as learnt: too few validation pictures to calibrate with"
    return f"calibrated on the validation pictures (temperature {result.temperature:.2f})"


def _phases(result: TrainResult) -> list[tuple[str, str]]:
    found = []
    for name in dict.fromkeys(row.phase for row in result.history):
        rows = [row for row in result.history if row.phase == name]
        seconds = sum(row.seconds for row in rows)
        found.append((name, f"{len(rows)} epochs, {seconds:.0f} s; {rows[0].applied}"))
    return found


def _few(result: TrainResult) -> bool:
    """Whether a confusion matrix would look silly over the whole width."""
    return len(result.learning.goal.classes) <= 4


def _picture(path: Path, title: str, note: str, small: bool = False) -> str:
    if not path.exists():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    image = f'<img alt="{escape(title)}" src="data:image/png;base64,{data}">'
    return f"<section{' class=small' if small else ''}><h2>{escape(title)}</h2><p class=note>{escape(note)}</p>{image}</section>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], plain: bool = False) -> str:
    top = "" if not any(head) else "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class=wide><table{' class=plain' if plain else ''}>{top}{body}</table></div>"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def _names(classes: Sequence[str]) -> str:
    if len(classes) > 4:
        return f"{len(classes)} classes: {', '.join(classes[:3])} ..."
    return " or ".join(classes) if len(classes) == 2 else ", ".join(classes)


CSS = """
:root{color-scheme:light dark;--ink:#0f172a;--soft:#64748b;--line:#e2e8f0;--card:#fff;--page:#f8fafc;--blue:#2563eb}
@media(prefers-color-scheme:dark){:root{--ink:#e2e8f0;--soft:#94a3b8;--line:#334155;--card:#1e293b;--page:#0f172a}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:46rem;margin:0 auto;padding:1.25rem 1rem 3rem}
header,section{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.1rem 1.2rem;margin:0 0 1rem}
.kicker{margin:0;color:var(--soft);font-size:.8rem;letter-spacing:.04em}
h1{margin:.1rem 0;font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}
h2{margin:0 0 .3rem;font-size:1.1rem}
.sub,.note{color:var(--soft);margin:.2rem 0 .6rem;font-size:.92rem}
.score{font-size:3.4rem;font-weight:700;line-height:1;margin:.9rem 0 .3rem}
.score small{font-size:1.6rem;font-weight:600}
.interval{position:relative;height:10px;border-radius:5px;background:var(--line);margin-top:.8rem}
.interval span{position:absolute;top:0;bottom:0;border-radius:5px;background:var(--blue);opacity:.35;min-width:4px}
.interval b{position:absolute;top:-3px;bottom:-3px;width:3px;margin-left:-1px;border-radius:2px;background:var(--blue)}
.scale{display:flex;justify-content:space-between;color:var(--soft);font-size:.75rem;margin-top:.2rem}
img{width:100%;height:auto;border-radius:8px;background:#fff;display:block}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th{text-align:right;font-weight:600;color:var(--soft);font-size:.8rem;border-bottom:1px solid var(--line);padding:.3rem .4rem}
td{text-align:right;padding:.35rem .4rem;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left;padding-left:0;overflow-wrap:anywhere}
.plain td{text-align:left;vertical-align:top;overflow-wrap:anywhere}
.plain td:first-child{color:var(--soft);white-space:nowrap;padding-right:1rem}
tr:last-child td{border-bottom:0}
.small img{max-width:26rem;margin:0 auto}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));gap:.7rem}
figure{margin:0}
figcaption{font-size:.82rem;line-height:1.35;margin-top:.25rem;overflow-wrap:anywhere}
figcaption small{display:block;color:var(--soft);font-size:.72rem}
.findings{list-style:none;margin:0;padding:0}
.findings li{padding:.5rem .7rem;border-left:4px solid var(--blue);
 margin:.45rem 0;background:color-mix(in srgb,var(--blue) 7%,transparent);
 border-radius:0 8px 8px 0}
.findings .warn{border-color:#ea580c;background:color-mix(in srgb,#ea580c 10%,transparent)}
.findings .good{border-color:#16a34a;background:color-mix(in srgb,#16a34a 10%,transparent)}
"""
