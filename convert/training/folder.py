"""The run folder of a training: opening it, its records, and resuming an interrupted run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from edgevision.datasets.split import FILE as SPLIT_FILE
from edgevision.errors import BadInput
from edgevision.files import run_folder, strict_json
from edgevision.files.atomic import refuse_source, write_bytes, write_text
from edgevision.input_file import read_file

from .cluster.team import Team
from .config import config_file
from .config.request import TrainRequest
from .config.settings import TrainSettings
from .continuation import judge, proposal
from .fit import checkpoint, tried
from .input import image_cache
from .input.splits import DATA_FILE
from .monitor import tensorboard
from .report import outputs

CONFIG_FILE, HISTORY_FILE = "config.toml", "history.csv"
OUTPUTS = frozenset(
    {
        CONFIG_FILE,
        HISTORY_FILE,
        run_folder.RECORD,
        DATA_FILE,
        SPLIT_FILE,
        checkpoint.FILE,
        tried.FILE,
        image_cache.FILE,
        *outputs.FILES,
        proposal.FILE,
        *(f"{stem}{end}" for stem in (judge.CANDIDATE, judge.REFUSED) for end in (".keras", ".h5", ".card.json")),
    }
)
"""Names of all files that a training writes."""


def require_free(request: TrainRequest) -> None:
    """Check the requested output folder before any work is done. Raises OutputExists."""
    if request.output is not None:
        run_folder.require_free(request.output, request.overwrite)
        refuse_source(request.output, (request.photos,), "the training")


def open_run(request: TrainRequest) -> run_folder.Run:
    """Return the run: that to resume, a new one, or the requested folder without the files of an earlier training."""
    if request.resume is not None:
        return run_folder.run_in(request.resume, "train")
    if request.output is None:
        return run_folder.new_run(request.runs, "train")
    run = run_folder.run_in(request.output, "train")
    _remove_outputs(run.folder)
    return run


@contextmanager
def own_run(request: TrainRequest, team: Team) -> Iterator[run_folder.Run]:
    """Yield the run of the chief, which can be resumed, or one in a temporary folder on the other machines."""
    if team.is_chief:
        with open_run(request) as run, resumable(run.folder):
            yield run
    else:
        with TemporaryDirectory(prefix="edgevision-train-") as folder, run_folder.run_in(Path(folder), "train") as run:
            yield run


def share_checkpoint(folder: Path, team: Team) -> None:
    """Give all machines the checkpoint of the chief's run folder, if it has one."""
    path = folder / checkpoint.FILE
    own = path.read_bytes() if team.is_chief and path.exists() else b""
    data = team.share_bytes(own)
    if data and not team.is_chief:
        write_bytes(path, data)


def record(folder: Path, settings: TrainSettings, photos: Path) -> None:
    """Write config.toml."""
    write_text(folder / CONFIG_FILE, config_file.dumps(settings, str(photos.absolute())))


def list_outputs(run: run_folder.Run) -> None:
    """Remove the checkpoint of a finished training and list its files in run.json."""
    (run.folder / checkpoint.FILE).unlink(missing_ok=True)
    run.outputs += sorted(name for name in OUTPUTS if name != run_folder.RECORD and (run.folder / name).is_file())


def resumed(folder: Path) -> tuple[Path, TrainSettings]:
    """Return photos and settings of an interrupted run. Raises MissingFile, BadInput."""
    if not folder.is_dir() or not (folder / CONFIG_FILE).exists():
        raise BadInput(
            f"{folder} is not a run folder of train ({CONFIG_FILE} is missing); pass one such as runs/train-1 to --resume"
        )
    if _is_finished(folder):
        raise BadInput(f"{folder} is finished and cannot be resumed; its report is {folder / outputs.REPORT_FILE}")
    values, photos = config_file.read(folder / CONFIG_FILE)
    if photos is None:
        raise BadInput(f'{folder / CONFIG_FILE} does not name the photos; add photos = "PATH" to its section [data]')
    return Path(photos), TrainSettings(**values)


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Add to an interruption how to resume the training."""
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note(f"to continue, run: edgevision train --resume {folder}")
        raise


def _remove_outputs(folder: Path) -> None:
    """Remove the files of an earlier training, which would otherwise be taken for an interrupted one."""
    for name in OUTPUTS:
        (folder / name).unlink(missing_ok=True)
    for path in (folder / tensorboard.FOLDER).glob("events.out.tfevents.*"):
        path.unlink()


def _is_finished(folder: Path) -> bool:
    try:
        path = folder / run_folder.RECORD
        found = strict_json.loads(read_file(path, "record", strict_json.MAX_BYTES), str(path))
        return bool(found["exit_code"] == 0)
    except (OSError, ValueError, KeyError, TypeError):
        return False
