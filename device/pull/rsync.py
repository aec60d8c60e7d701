"""Images by rsync over ssh: one connection for a listing, one for a batch of images."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from edgevision import children
from edgevision.errors import BadInput, EdgeVisionError, MissingDependency
from edgevision.files.scratch import scratch_folder
from edgevision.log import Log

from . import ssh
from .remote_image import MAX_IMAGE_BYTES, MAX_LISTED, ListedFile, RemoteImage
from .ssh import IDLE_S, Login
from .transport import batch_bytes, failure

log = Log("edgevision.pull")
OLDEST = (3, 2, 5)
"""Version from which rsync refuses files that it did not ask for (CVE-2022-29154)."""
ABSENT = 127
"""Exit code of a shell that does not find a command."""
_LINE = re.compile(r"(?P<kind>.)[rwxsStT-]{9}[.+@]? +(?P<bytes>\d+) [\d/]{10} [\d:]{8} (?P<path>.+)")
_SAFE = (
    "--secluded-args",  # the device's shell does not read the path
    "--no-inc-recursive",
    "--no-links",
    "--no-devices",
    "--no-specials",
    "--no-owner",
    "--no-group",
    "--no-motd",
    f"--timeout={IDLE_S:.0f}",
)


class Rsync:
    """The rsync of both machines."""

    name = "rsync"

    def __init__(self, login: Login) -> None:
        self._login = login
        self._source = f"{login.remote.login}:{login.remote.path.rstrip('/')}/"
        remote = ("--rsync-path", "sudo -n rsync") if login.sudo else ()
        self._command = ("rsync", *_SAFE, *remote, "-e", _remote_shell(login))

    def listing(self) -> list[ListedFile]:
        """List the files below the folder. Raises EdgeVisionError, RsyncMissing."""
        done = ssh.run(
            [*self._command, "--list-only", "--recursive", "--no-human-readable", "--8-bit-output", self._source]
        )
        if done.code == ABSENT or "rsync: command not found" in done.err or "rsync: not found" in done.err:
            raise RsyncMissing("the device has no rsync")
        error = failure(self._login, done)
        if error is not None:
            raise error
        return parse_listing(done.out)

    def fetch(self, images: Sequence[RemoteImage], into: Path, step: Callable[[int], None]) -> EdgeVisionError | None:
        """Write images to ``into``/LABEL/NAME; return why not all of them are complete. Raises BadInput."""
        with scratch_folder() as scratch:
            names = scratch / "names"
            names.write_bytes(b"".join(f"./{one.path}\0".encode() for one in images))
            options = ("--from0", f"--files-from={names}", "--whole-file", "--times", "--perms", "--chmod=D700,F600")
            size = f"--max-size={MAX_IMAGE_BYTES}"
            command = [*self._command, *options, size, self._source, f"{into}/"]
            done = ssh.run(command, growing=into, limit=batch_bytes(images), step=step)
        return failure(self._login, done)


class RsyncMissing(MissingDependency):
    """Raised when the device has no rsync."""


def is_usable() -> bool:
    """Return whether this machine has an rsync that checks what a device sends."""
    if shutil.which("rsync") is None:
        return False
    try:
        said = children.run(["rsync", "--version"], 10.0, text=True).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    found = re.search(r"version v?(\d+)\.(\d+)\.(\d+)", said)
    version = tuple(map(int, found.groups())) if found else ()
    log.info("rsync %s", ".".join(map(str, version)) or "of an unknown version")
    return version >= OLDEST


def parse_listing(out: bytes) -> list[ListedFile]:
    """Return the files of ``rsync --list-only``; lines of another form are left out. Raises BadInput for too many."""
    lines = out.split(b"\n")
    if len(lines) > MAX_LISTED:
        raise BadInput(f"the device lists {len(lines)} files; at most {MAX_LISTED} are read: give a folder of fewer")
    found = (_LINE.fullmatch(line.decode("utf-8", "surrogateescape")) for line in lines)
    return [ListedFile(one["path"], int(one["bytes"][:18]), one["kind"]) for one in found if one is not None]


def _remote_shell(login: Login) -> str:
    """Return ssh with its options as rsync splits them: at spaces, except within '...', where '' is a quote."""
    parts = [ssh.require("ssh"), *login.options()]
    return " ".join("'" + part.replace("'", "''") + "'" for part in parts)
