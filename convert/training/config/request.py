"""Request for a training: photos, settings and the folder to write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgevision.settings import OVERWRITE, RUNS, setting

from .settings import TrainSettings


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """Request for a training."""

    photos: Path
    settings: TrainSettings
    runs: Path = RUNS.field(group="Output")
    resume: Path | None = setting(
        None, "path", "Resume an interrupted run, e.g. runs/train-1.", "Configuration", metavar="FOLDER"
    )
    """Photos and settings must be those of that run (see ``edgevision.convert.training.run.resumed``)."""
    output: Path | None = setting(
        None,
        "path",
        "Write the run into this folder instead of a new one below --runs.",
        "Output",
        short="-o",
        metavar="FOLDER",
    )
    ray: str | None = setting(
        None,
        "text",
        "Run the trials of --quality best on the machines of this Ray cluster, HOST:PORT; local: several at once on this "
        "machine.",
        "Training",
        metavar="ADDRESS",
    )
    """See docs/guides/several-machines.md."""
    overwrite: bool = OVERWRITE.field(group="Output", help="Write into the --output folder even if it is not empty.")
