"""Numbered run folders, such as ``runs/convert-3``, with the outputs of a command and a record in ``run.json``."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from .. import cleanup
from ..errors import BadModel, CannotWrite, EdgeVisionError, OutputExists
from ..log import Log
from ..reporting.terminal import valid_json
from .atomic import write_text
from .url_secrets import masked_arguments

log = Log("edgevision.files")
Kind = Literal["train", "convert", "evaluate", "bench", "demo"]
RECORD = "run.json"
"""Name of the record in a run folder."""
REFUSED_MODEL = "refused.keras"
"""Name of a trained model that was found worse than the one it continues from."""
PACKAGES = (
    "edgevision",
    "numpy",
    "opencv-python-headless",
    "opencv-python",
    "ai-edge-litert",
    "tflite-runtime",
    "tensorflow",
    "keras",
    "tf_keras",
)


@dataclass(slots=True)
class Run:
    """A run folder of a command in progress."""

    folder: Path
    kind: Kind
    argv: list[str]
    started: str
    clock_started: float
    outputs: list[str] = field(default_factory=list)
    exit_code: int = 0
    """Exit code of a command that completed: 3 if its result does not meet a limit."""
    lock: int | None = None
    """Descriptor that holds the lock of the folder."""
    _undo: object = None
    """Key of what writes the record if the process has to end at once."""

    def finish(self, exit_code: int) -> None:
        """Write run.json."""
        record = {
            "schema": "edgevision.run_folder/1",
            "command": self.kind,
            "argv": self.argv,
            "started": self.started,
            "seconds": round(time.monotonic() - self.clock_started, 3),
            "exit_code": exit_code,
            "outputs": self.outputs,
            "versions": versions(),
        }
        write_text(self.folder / RECORD, dump(record, 1) + "\n")

    def __enter__(self) -> Run:
        self._undo = cleanup.add(self.finish)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        cleanup.remove(self._undo)
        try:
            self._record(kind, error)
        finally:
            unlock(self.lock)

    def _record(self, kind: type[BaseException] | None, error: BaseException | None) -> None:
        if kind is None:
            self.finish(self.exit_code)
        elif issubclass(kind, KeyboardInterrupt):
            self.finish(getattr(error, "exit_code", 130))
        else:
            self.finish(error.exit_code if isinstance(error, EdgeVisionError) else 1)


def new_run(runs: Path, kind: Kind) -> Run:
    """Create ``runs/KIND-N`` atomically, with N = highest + 1. Raises CannotWrite."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        while True:
            folder = runs / f"{kind}-{_highest(runs, kind) + 1}"
            try:
                folder.mkdir()
                break
            except FileExistsError:
                continue  # another process has just taken this number
    except OSError as error:
        raise CannotWrite(
            f"cannot create a run folder in {runs}: {error.strerror}; choose another folder with --runs"
        ) from None
    return _begin(folder, kind)


def require_free(folder: Path, overwrite: bool) -> None:
    """Refuse an output folder that is a file, or that is not empty unless ``overwrite``. Raises OutputExists."""
    if folder.exists() and not folder.is_dir():
        raise OutputExists(f"{folder} is a file; give a folder with -o")
    if folder.is_dir() and not overwrite and any(folder.iterdir()):
        raise OutputExists(f"{folder} is not empty; give another folder with -o, or write into it with --overwrite")


def run_in(folder: Path, kind: Kind) -> Run:
    """Create exactly this run folder, unless it exists. Raises CannotWrite."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"cannot create the folder {folder}: {error.strerror}; choose another folder with -o"
        ) from None
    return _begin(folder, kind)


def newest(runs: Path, pattern: str) -> Path | None:
    """Return the newest file that matches a pattern, such as ``newest(runs, 'convert-*/*.tflite')``."""
    found = sorted(runs.glob(pattern), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


def require_not_refused(folder: Path) -> None:
    """Check that the model of a run folder was not refused by its own training. Raises BadModel."""
    if (folder / REFUSED_MODEL).is_file():
        raise BadModel(
            f"the model of {folder} was refused as worse than the one it continues from (see its report.html); use that "
            f"one, or give {folder / REFUSED_MODEL} if you mean it"
        )


def versions() -> dict[str, str]:
    """Return the versions of Python and the relevant installed libraries, without importing them."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def utc_now() -> str:
    """Return the current time in UTC with milliseconds (RFC 3339)."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _begin(folder: Path, kind: Kind) -> Run:
    log.info("run folder: %s", folder)
    arguments = masked_arguments([Path(sys.argv[0]).name, *sys.argv[1:]])
    return Run(folder, kind, arguments, utc_now(), time.monotonic(), lock=lock_folder(folder))


def lock_folder(folder: Path) -> int | None:
    """Lock a folder until the process ends, where the system can. Raises CannotWrite if another process has it."""
    if sys.platform == "win32":
        return None
    import fcntl

    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise CannotWrite(
            f"another edgevision process writes to {folder}; wait for it, or give another folder"
        ) from None
    except OSError:  # a file system without locks
        os.close(handle)
        return None
    return handle


def unlock(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _highest(runs: Path, kind: str) -> int:
    numbers = [p.name.removeprefix(f"{kind}-") for p in runs.glob(f"{kind}-*")]
    return max((int(n) for n in numbers if n.isdecimal()), default=0)


def dump(value: Any, indent: int | None = None) -> str:
    """Format a value as one JSON document without NaN, whatever its texts contain."""
    return valid_json(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent))
