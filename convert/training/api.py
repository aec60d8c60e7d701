"""The public function that trains a classifier or a detector."""

from __future__ import annotations

from pathlib import Path

from edgevision.errors import UsageError, missing_dependencies
from edgevision.log import Log
from edgevision.settings import validated

from .anomaly.result import AnomalyResult
from .cluster.tf_config import require_one_machine
from .cluster.worker_result import WorkerResult
from .config.request import TrainRequest
from .config.settings import TrainSettings
from .detector.result import DetectorResult
from .monitor.history import EpochRow
from .monitor.observer import TrainingObserver
from .report.result import TrainResult
from .run import resumed
from .run import train as run

log = Log("edgevision.train")


@missing_dependencies()
def train(
    photos: str | Path | None = None,
    settings: TrainSettings | None = None,
    *,
    runs: str | Path = "runs",
    output: str | Path | None = None,
    overwrite: bool = False,
    resume: str | Path | None = None,
    ray: str | None = None,
) -> TrainResult | DetectorResult | AnomalyResult:
    """Train a classifier on labeled photos, or a detector on photos with boxes, and write a run folder.

    The folder has model.keras, metrics, history, plots and a report. Notes and one line per epoch go to the logger
    ``edgevision.train``.

    Args:
        photos: A folder with one subfolder per class or with train/, val/ and test/; a CSV of path,label; or a zip. At least
            two images per class, better 50. With boxes (Pascal VOC, COCO, YOLO and others) a detector is trained.
        settings: The settings; None for the defaults.
        runs: Folder in which the run folder train-N is made.
        output: Folder to write instead, which must be new or empty.
        overwrite: Whether ``output`` may be a folder with files.
        resume: Run folder of an interrupted training to finish, instead of ``photos`` and ``settings``.
        ray: Address of a Ray cluster, HOST:PORT or ``local``, on whose machines the trials of quality ``best`` run; None: on
            this machine, one after another.

    Returns:
        The paths, the history and, if there were test images, the evaluation on them; a DetectorResult for photos with
        boxes, an AnomalyResult for the task anomaly.

    Raises:
        UsageError: Neither photos nor a run folder to resume is given, or both are.
        BadInput: The photos, a setting or a weights file cannot be used; most faults are found before anything is written.
            Or TF_CONFIG names several machines, on which only the command ``edgevision train`` trains.
        MissingFile: The photos or a file do not exist.
        OutputExists: The ``output`` folder has files.
        GateNotMet: The data check found faults, and ``settings.strict`` is set.
        CannotWrite: The run folder cannot be written.
        MissingDependency: TensorFlow, or for quality ``best`` Optuna or Ray, is not installed.
        RemoteUnreachable: The Ray cluster cannot be used, or was lost.
    """
    require_one_machine("edgevision.convert.train")
    if resume is not None:
        if photos is not None or settings is not None:
            raise UsageError("resume uses the photos and settings of the interrupted run; omit photos and settings")
        known, used = resumed(Path(resume))
        return _run(TrainRequest(known, used, resume=Path(resume), ray=ray))
    if photos is None:
        raise UsageError("no photos given: pass a folder with one subfolder per class")
    request = TrainRequest(
        Path(photos),
        validated(settings or TrainSettings()),
        Path(runs),
        output=None if output is None else Path(output),
        ray=ray,
        overwrite=overwrite,
    )
    return _run(request)


def _run(request: TrainRequest) -> TrainResult | DetectorResult | AnomalyResult:
    result = run(request, LogObserver())
    assert not isinstance(result, WorkerResult)  # this machine is alone
    return result


class LogObserver(TrainingObserver):
    """Training observer that logs notes and epochs."""

    def note(self, text: str) -> None:
        """Log a note."""
        log.info("%s", text)

    def end(self, row: EpochRow, kept: bool) -> None:
        """Log the line of an epoch."""
        log.info("%s", row.describe())

    def trial_epoch(self, trial: int, machine: str, row: EpochRow) -> None:
        """Log the line of an epoch on another machine."""
        log.info("trial %d on %s: %s", trial, machine, row.describe())
