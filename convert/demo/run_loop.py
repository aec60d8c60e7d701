"""Run of the real loop on the demo's video, in its own process as a user would start it, and its score."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision import children
from edgevision.errors import EngineError
from edgevision.evaluation.intervals import Proportion, proportion

from .video import Clip

TIMEOUT_S = 300.0
"""Time limit in seconds: a few hundred frames take a second or two, so a loop that takes minutes has hung."""


class LoopFailed(EngineError):
    """The loop ended with an error or did not report every frame."""


@dataclass(frozen=True, slots=True)
class LoopResult:
    """Result of the loop on the video."""

    command: tuple[str, ...]
    """Command line as a user would type it."""
    accuracy: Proportion
    """Share of frames whose top label is correct."""
    summary: dict[str, Any]
    """Summary written by the loop, ``edgevision.run/1``."""


def run_loop(model: Path, clip: Clip, folder: Path) -> LoopResult:
    """Run ``edgevision run MODEL --source CLIP --json`` and keep its output in ``folder``. Raises LoopFailed."""
    summary = folder / "run-summary.json"
    arguments = ["run", str(model), "--source", str(clip.path), "--json", "--quiet", "--summary", str(summary)]
    output = run_child(arguments, clip.path)
    (folder / "run.jsonl").write_text(output, encoding="utf-8")
    return LoopResult(
        command=("edgevision", *arguments[:4]),
        accuracy=_score(output, clip),
        summary=summary_of(summary),
    )


def run_child(arguments: Sequence[str], clip: Path) -> str:
    """Run ``edgevision`` with these arguments on a video and return what it printed. Raises LoopFailed."""
    try:
        done = children.run(children.module("edgevision", *arguments), TIMEOUT_S, text=True)
    except subprocess.TimeoutExpired:
        raise LoopFailed(f"the loop on {clip} did not finish within {TIMEOUT_S:.0f} s") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise LoopFailed(f"the loop on {clip} failed: {said[-1].removeprefix('edgevision: error: ')}")
    return str(done.stdout)


def frames_of(output: str) -> list[dict[str, Any]]:
    """Return the frames that a loop printed with ``--json``."""
    return [line for line in map(json.loads, output.splitlines()) if line["type"] == "frame"]


def summary_of(path: Path) -> dict[str, Any]:
    """Return the summary that a loop wrote."""
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return summary


def _score(output: str, clip: Clip) -> Proportion:
    """Return the share of correct frames. Raises LoopFailed if a frame is missing in the output."""
    answers = {line["index"]: line["labels"] for line in frames_of(output)}
    if sorted(answers) != list(range(len(clip.labels))):
        raise LoopFailed(f"the loop reported {len(answers)} of the {len(clip.labels)} frames of {clip.path}")
    right = sum(bool(answers[i]) and answers[i][0]["name"] == name for i, name in enumerate(clip.labels))
    found = proportion(right, len(clip.labels))
    assert found is not None
    return found
