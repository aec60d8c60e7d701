"""Pulls collected images: list, choose within the quota, fetch in batches, verify, name, record, and delete if asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from edgevision.errors import CannotWrite, EdgeVisionError
from edgevision.files.run_folder import lock_folder, unlock
from edgevision.files.scratch import scratch_folder
from edgevision.log import Log

from . import pulled_log, rsync
from .place import Verified, place, verify
from .remote_image import Refused, RemoteImage, images_of
from .rsync import Rsync, RsyncMissing
from .sftp import Sftp
from .ssh import Login
from .transport import Transport

log = Log("edgevision.pull")
SCHEMA = "edgevision.pull/1"
BATCH_IMAGES, BATCH_BYTES = 200, 50_000_000
"""Images and bytes of a batch; what is complete after an interruption is at least all batches before."""
First = Literal["newest", "least-sure"]


class PullOptions(NamedTuple):
    """What to pull."""

    login: Login
    folder: Path
    """Local folder; images get the same sub-folders as on the device."""
    max_bytes: int
    max_files: int
    first: First = "newest"
    delete: bool = False
    """Whether images are deleted on the device once they are verified and recorded here."""
    dry_run: bool = False
    transport: Literal["auto", "rsync", "sftp"] = "auto"


class PullResult(NamedTuple):
    """What was pulled."""

    options: PullOptions
    transport: str
    listed: int
    """Images in the device's folder."""
    before: int
    """Images of these that were pulled before."""
    left: int
    """New images that the quota leaves on the device."""
    pulled: tuple[str, ...]
    """Paths below the local folder; with a dry run, those that would be pulled."""
    bytes: int
    refused: tuple[Refused, ...]
    deleted: int
    error: EdgeVisionError | None
    """Why not everything was done; what is listed above was done all the same."""

    def to_json(self) -> dict[str, Any]:
        """Return the document ``edgevision.pull/1``."""
        remote = self.options.login.remote
        return {
            "schema": SCHEMA,
            "host": remote.host,
            "remote_folder": remote.path,
            "folder": str(self.options.folder),
            "transport": self.transport,
            "dry_run": self.options.dry_run,
            "listed": self.listed,
            "pulled_before": self.before,
            "left": self.left,
            "pulled": list(self.pulled),
            "pulled_bytes": self.bytes,
            "refused": [{"name": one.name, "reason": one.reason} for one in self.refused],
            "deleted": self.deleted,
            "error": None if self.error is None else str(self.error),
        }


def pull(options: PullOptions, step: Callable[[int, int], None] = lambda done, total: None) -> PullResult:
    """Pull images; ``step`` receives the bytes done and in all.

    Raises EdgeVisionError if the device cannot be listed, or sends more than it listed.
    """
    transport, (images, refused) = _list(options)
    remote = options.login.remote
    before = pulled_log.read(options.folder, remote)
    new = [one for one in images if one.path not in before or before[one.path].bytes != one.bytes]
    chosen = choose(new, options.first, options.max_bytes, options.max_files)
    log.info("%s lists %d images, %d are new, %d chosen", remote, len(images), len(new), len(chosen))
    done: list[tuple[str, int]] = []
    error: EdgeVisionError | None = None
    if options.dry_run:
        done = [(one.path, one.bytes) for one in chosen]
    elif chosen:
        error = _fetch(options, transport, chosen, done, refused, step)
    deleted = 0
    if options.delete and not options.dry_run:
        deleted, problem = _delete(options, images)
        error = error or problem
    return PullResult(
        options=options,
        transport=transport.name,
        listed=len(images),
        before=len(images) - len(new),
        left=len(new) - len(chosen),
        pulled=tuple(path for path, _ in done),
        bytes=sum(size for _, size in done),
        refused=tuple(refused),
        deleted=deleted,
        error=error,
    )


def choose(images: Sequence[RemoteImage], first: First, max_bytes: int, max_files: int) -> list[RemoteImage]:
    """Return the first images that fit: the newest, or those with the lowest score, where names have one."""
    order = sorted(images, key=lambda one: (one.time, one.path), reverse=True)
    if first == "least-sure":  # sorting is stable: among equal scores the newest comes first
        order.sort(key=lambda one: 2.0 if one.score is None else one.score)
    chosen: list[RemoteImage] = []
    total = 0
    for one in order:
        if len(chosen) == max_files:
            break
        if total + one.bytes <= max_bytes:
            chosen.append(one)
            total += one.bytes
    return chosen


def _list(options: PullOptions) -> tuple[Transport, tuple[list[RemoteImage], list[Refused]]]:
    """List the device's images by rsync or, if one side has none that is safe, by sftp."""
    login = options.login
    if options.transport == "rsync" or (options.transport == "auto" and rsync.is_usable()):
        try:
            found: Transport = Rsync(login)
            return found, images_of(found.listing())
        except RsyncMissing:
            if options.transport == "rsync":
                raise
            log.info("%s has no rsync; using sftp", login.remote.host)
    found = Sftp(login)
    return found, images_of(found.listing())


def _fetch(
    options: PullOptions,
    transport: Transport,
    chosen: Sequence[RemoteImage],
    done: list[tuple[str, int]],
    refused: list[Refused],
    step: Callable[[int, int], None],
) -> EdgeVisionError | None:
    """Fetch, verify and name images in batches; add them to ``done`` or ``refused``. Return why it ended early."""
    total, ready = sum(one.bytes for one in chosen), 0
    with _locked(options.folder):
        for batch in _batches(chosen):
            with scratch_folder(options.folder, ".pulling-") as staged:

                def report(written: int, ready: int = ready) -> None:
                    step(min(total, ready + written), total)

                error = transport.fetch(batch, staged, report)
                for image in batch:
                    found = verify(staged, image)
                    if isinstance(found, Verified):
                        path = place(staged, options.folder, found)
                        record = pulled_log.record_of(options.login.remote, image, path, found.digest, found.provenance)
                        pulled_log.append(options.folder, record)
                        done.append((path, image.bytes))
                    elif found is not None:
                        refused.append(Refused(image.path, found))
                    elif error is None:
                        refused.append(Refused(image.path, "it changed or was deleted while it was pulled"))
            ready += sum(one.bytes for one in batch)
            if error is not None:
                return error
    return None


def _delete(options: PullOptions, images: Sequence[RemoteImage]) -> tuple[int, EdgeVisionError | None]:
    """Delete on the device what is recorded here with the same size; return the number, and why not all."""
    recorded = pulled_log.read(options.folder, options.login.remote)
    wanted = [one for one in images if one.path in recorded and recorded[one.path].bytes == one.bytes]
    if not wanted:
        return 0, None
    device = Sftp(options.login)
    error = device.delete(wanted)
    left = {one.path for one in images_of(device.listing())[0]}
    gone = sum(one.path not in left for one in wanted)
    if gone < len(wanted):
        said = (
            f"{len(wanted) - gone} of {len(wanted)} pulled images could not be deleted on {options.login.remote.host}"
        )
        error = error or EdgeVisionError(f"{said}; try --sudo, or log in as the owner of the folder")
    return gone, error


def _batches(images: Sequence[RemoteImage]) -> Iterator[list[RemoteImage]]:
    batch: list[RemoteImage] = []
    size = 0
    for one in images:
        if batch and (len(batch) == BATCH_IMAGES or size + one.bytes > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.bytes
    if batch:
        yield batch


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Make the folder, and let no other pull write to it meanwhile. Raises CannotWrite."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"cannot make the folder {folder}: {error.strerror}; give another one with -o") from None
    lock = lock_folder(folder)
    try:
        yield
    finally:
        unlock(lock)
