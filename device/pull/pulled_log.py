"""pulled.jsonl: one line per pulled image with where it is from; images that are listed there are not pulled again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from edgevision.datasets.pulled_from import FILE, MAX_LINE
from edgevision.errors import BadInput, CannotWrite
from edgevision.files import strict_json
from edgevision.files.run_folder import dump, utc_now
from edgevision.input_file import read_file

from ..collection.provenance import Provenance
from .address import RemoteFolder
from .remote_image import RemoteImage

SCHEMA = "edgevision.pulled/1"
MAX_BYTES = 500_000_000
MAX_TEXT = 4000


class Pulled(NamedTuple):
    """An image that was pulled before."""

    path: str
    """Path below the local folder at that time."""
    bytes: int


def read(folder: Path, remote: RemoteFolder) -> Mapping[str, Pulled]:
    """Return what was pulled from a device's folder, by its path there. Raises BadInput for a damaged file.

    The last line may be incomplete after a power loss; it is left out.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    found: dict[str, Pulled] = {}
    lines = read_file(path, "log of pulled images", MAX_BYTES).split(b"\n")
    for number, line in enumerate(lines[:-1], 1):
        try:
            record = strict_json.fields(strict_json.loads(line, f"{path}, line {number}", MAX_LINE), "the line")
            if (record["host"], record["folder"]) == (remote.host, remote.path):
                name = strict_json.text(record["remote_path"], "remote_path", MAX_TEXT)
                local = strict_json.text(record["path"], "path", MAX_TEXT)
                found[name] = Pulled(local, strict_json.whole(record["bytes"], "bytes", 0, 2**62))
        except BadInput:
            raise
        except (ValueError, KeyError) as error:
            raise BadInput(f"{path}, line {number}: not a line of edgevision pull ({error}); remove the line") from None
    return found


def append(folder: Path, record: Mapping[str, Any]) -> None:
    """Append a line that survives a power loss. Raises CannotWrite."""
    path = folder / FILE
    try:
        with path.open("r+b" if path.exists() else "x+b") as stream:
            stream.seek(0, os.SEEK_END)
            _cut_to_whole_lines(stream)
            stream.write(dump(dict(record)).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror or error}") from None


def _cut_to_whole_lines(stream: BinaryIO) -> None:
    """Remove an incomplete last line."""
    end = stream.tell()
    while end:
        start = max(0, end - 4096)
        stream.seek(start)
        if (at := stream.read(end - start).rfind(b"\n")) >= 0:
            end = start + at + 1
            break
        end = start
    stream.seek(end)
    stream.truncate()


def record_of(remote: RemoteFolder, image: RemoteImage, path: str, digest: str, known: Provenance) -> dict[str, Any]:
    """Return the line of an image: what was seen here, and what the device says of it."""
    return {
        "schema": SCHEMA,
        "host": remote.host,
        "user": remote.user,
        "folder": remote.path,
        "remote_path": image.path,
        "path": path,
        "bytes": image.bytes,
        "sha256": digest,
        "pulled": utc_now(),
        "label": image.label,
        "score": known.labels[0][1] if known.labels else image.score,
        "camera": known.camera,
        "model": known.model,
        "model_sha256": known.model_sha256,
        "time": known.time or _time_of(image),
        "labels": [{"name": name, "score": score} for name, score in known.labels],
    }


def _time_of(image: RemoteImage) -> str | None:
    """Return the time in the name of an image, RFC 3339."""
    try:
        return datetime.strptime(image.time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None
