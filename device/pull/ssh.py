"""The system's ssh: how it is started, limited and understood. No shell of this machine takes part."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from edgevision import children
from edgevision.errors import BadInput, EdgeVisionError, MissingDependency, RemoteUnreachable
from edgevision.files.scratch import scratch_folder
from edgevision.input_file import read_file

from ..system.ssh_messages import connection_problem, reason
from .address import RemoteFolder

CONNECT_S = 10
IDLE_S = 60.0
"""Time without any progress after which a device is given up (seconds)."""
MAX_OUTPUT = 64_000_000
"""Bytes of a listing above which it is refused."""
POLL_S = 0.1


class Login(NamedTuple):
    """How a device is reached, beyond what the user's ssh configuration says."""

    remote: RemoteFolder
    config: Path | None = None
    """An ssh configuration file to use instead of ~/.ssh/config."""
    port: int | None = None
    sudo: bool = False
    """Whether the device's side runs as root, by sudo without a password."""

    def options(self) -> tuple[str, ...]:
        """Return the options of ssh and sftp.

        BatchMode: it asks nothing, neither for a password nor about an unknown host. A device that falls silent ends the
        connection within CONNECT_S and IDLE_S. Nothing of this machine is forwarded to the device.
        """
        settings = (
            "BatchMode=yes",
            f"ConnectTimeout={CONNECT_S}",
            "ServerAliveInterval=5",
            "ServerAliveCountMax=3",
            "ClearAllForwardings=yes",
            "ForwardAgent=no",
            "ForwardX11=no",
            "PermitLocalCommand=no",
        )
        config = () if self.config is None else ("-F", str(self.config.absolute()))
        port = () if self.port is None else ("-o", f"Port={self.port}")
        return (*config, *port, *(part for one in settings for part in ("-o", one)))


class Finished(NamedTuple):
    """A command that ended."""

    code: int
    out: bytes
    err: str


def require(program: str) -> str:
    """Return the path of a program. Raises MissingDependency."""
    found = shutil.which(program)
    if found is None:
        raise MissingDependency(f"{program} is not installed, but is needed here; install openssh-client")
    return found


def run(
    command: Sequence[str],
    *,
    given: bytes = b"",
    cwd: Path | None = None,
    growing: Path | None = None,
    limit: int = MAX_OUTPUT,
    step: Callable[[int], None] = lambda done: None,
) -> Finished:
    """Run a command to its end, within limits.

    Args:
        command: The program and its arguments; no shell reads them.
        given: Its standard input.
        cwd: Its working folder.
        growing: Folder that it writes to.
        limit: Bytes that the folder, or its output, may have before it is killed.
        step: Called with the number of bytes in the folder.

    Raises:
        BadInput: It wrote more than ``limit``.
        RemoteUnreachable: It made no progress for IDLE_S.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}  # messages are read below
    with scratch_folder() as scratch:
        (scratch / "in").write_bytes(given)
        with (
            (scratch / "in").open() as stdin,
            (scratch / "out").open("wb") as out,
            (scratch / "err").open("wb") as err,
            children.started(command, stdin=stdin, stdout=out, stderr=err, env=environment, cwd=cwd) as child,
        ):
            for _ in _watched(scratch, growing, limit, step):
                if child.poll() is not None:
                    break
        code = child.returncode
        errors = read_file(scratch / "err", "output", MAX_OUTPUT).decode("utf-8", "replace")
        return Finished(code, read_file(scratch / "out", "output", MAX_OUTPUT), errors)


def _watched(scratch: Path, growing: Path | None, limit: int, step: Callable[[int], None]) -> Iterator[None]:
    """Yield while there is progress within the limits. Raises BadInput, RemoteUnreachable."""
    last, since = -1, time.monotonic()
    while True:
        yield
        output = sum((scratch / name).stat().st_size for name in ("out", "err"))
        written = 0 if growing is None else size_of(growing)
        if output > MAX_OUTPUT or written > limit:
            raise BadInput(
                f"the device sent more than it listed ({max(output, written)} bytes); nothing of it was kept"
            )
        if output + written != last:
            last, since = output + written, time.monotonic()
            step(written)
        elif time.monotonic() - since > IDLE_S:
            raise RemoteUnreachable(f"the device sent nothing for {IDLE_S:g} s; check the network and try again")
        time.sleep(POLL_S)


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder; links are not followed."""
    total = 0
    for entry in os.scandir(folder):
        try:
            total += (
                size_of(Path(entry))
                if entry.is_dir(follow_symlinks=False)
                else entry.stat(follow_symlinks=False).st_size
            )
        except OSError:  # it was renamed meanwhile
            continue
    return total


def problem(login: Login, said: str) -> EdgeVisionError:
    """Return what the messages of ssh, sftp or rsync mean to the user."""
    host, name = login.remote.login, login.remote.host
    if (known := connection_problem(host, name, said)) is not None:
        return known
    if "No such file or directory" in said or ("not found" in said and login.remote.path in said):
        return EdgeVisionError(f"{login.remote} does not exist; give the folder of run --collect as {host}:PATH")
    if "ermission denied" in said:
        return EdgeVisionError(f"{host} may not read {login.remote.path}; try --sudo, or log in as its owner")
    if "sudo:" in said:
        return EdgeVisionError(f"--sudo: {host} does not allow sudo without a password; log in as the folder's owner")
    return RemoteUnreachable(f"{host}: {reason(said)}")
