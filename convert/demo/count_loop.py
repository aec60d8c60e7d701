"""Run of the real loop on the detection demo's video, with tracking and a counting line, and its count."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .detection_options import COUNT_LINE, COUNT_THRESHOLD, LINE_NAME
from .run_loop import LoopFailed, frames_of, run_child, summary_of
from .traffic import TrafficClip


@dataclass(frozen=True, slots=True)
class CountResult:
    """Result of the loop on the video."""

    command: tuple[str, ...]
    """Command line as a user would type it."""
    counted: tuple[int, int]
    """Number of objects counted to the right and to the left."""
    true: tuple[int, int]
    """Number of objects that crossed to the right and to the left."""
    summary: dict[str, Any]
    """Summary written by the loop, ``edgevision.run/1``."""

    @property
    def exact(self) -> bool:
        """True if both directions were counted without an error."""
        return self.counted == self.true

    def describe(self) -> str:
        """Return what was counted, such as ``8 of 8 to the right and 4 of 4 to the left``."""
        (right, left), (true_right, true_left) = self.counted, self.true
        return f"{right} of {true_right} to the right and {left} of {true_left} to the left"

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "command": list(self.command),
            "frames": self.summary["frames"],
            "counted": {"forward": self.counted[0], "backward": self.counted[1]},
            "true": {"forward": self.true[0], "backward": self.true[1]},
            "rate_fps": self.summary["rate_fps"],
            "stages_ms": self.summary["stages_ms"],
        }


def count_loop(model: Path, clip: TrafficClip, folder: Path, contact_sheet: Path) -> CountResult:
    """Run ``edgevision run MODEL --source CLIP --count-line ...`` and keep its output in ``folder``. Raises LoopFailed."""
    summary = folder / "run-summary.json"
    typed = ["run", str(model), "--source", str(clip.path), "--count-line", COUNT_LINE]
    typed += ["--threshold", str(COUNT_THRESHOLD)]
    kept = ["--json", "--quiet", "--summary", str(summary), "--contact-sheet", str(contact_sheet)]
    output = run_child([*typed, *kept], clip.path)
    (folder / "run.jsonl").write_text(output, encoding="utf-8")
    frames = frames_of(output)
    if len(frames) != len(clip.frames):
        raise LoopFailed(f"the loop reported {len(frames)} of the {len(clip.frames)} frames of {clip.path}")
    counts = frames[-1]["counts"][LINE_NAME]
    return CountResult(
        command=("edgevision", *typed),
        counted=(counts["forward"], counts["backward"]),
        true=(clip.rightward, clip.leftward),
        summary=summary_of(summary),
    )
