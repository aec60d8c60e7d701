"""A device reached by the system's own ssh: keys, agents, jump hosts, ~/.ssh/config and known_hosts all apply.

Every remote command is a constant text; what varies goes through standard input, so that no shell sees it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import IO, Any

from edgevision import children
from edgevision.errors import BadInput, EdgeVisionError, MissingDependency, RemoteUnreachable
from edgevision.files import strict_json
from edgevision.files.scratch import scratch_folder
from edgevision.log import Log

from ..system.ssh_messages import connection_problem, reason

log = Log("edgevision.deploy")
CONNECT_S = 15
COMMAND_S = 120.0
UNREACHABLE = 255
"""Exit status of ssh itself (ssh(1))."""
MAX_ANSWER = 2**22
RUN = (
    "exec python3 -I -c 'import sys; f = sys.stdin.buffer; "
    'exec(compile(f.read(int(f.readline())), "edgevision", "exec"), {"__name__": "__main__"})\''
)
"""Runs the program that comes on standard input: a line with its length, and its text."""
CALL = b"""
import json, sys
sys.stdout.write(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
"""
"""Follows the text of a program: its argument is the next line."""


class Device:
    """A connection to one device, shared by all its commands."""

    def __init__(self, host: str, options: Sequence[str]) -> None:
        self.host = host
        self._options = list(options)

    def program(
        self, name: str, argument: Mapping[str, Any], data: IO[bytes] | None = None, timeout_s: float = COMMAND_S
    ) -> dict[str, Any]:
        """Run one of ``programs`` on the device and return its answer. Raises RemoteUnreachable, EdgeVisionError.

        ``data``: what the program reads after its argument, from the current position to the end.
        """
        text = (resources.files(__package__) / "programs" / f"{name}.py").read_bytes() + CALL
        head = b"%d\n%b%b\n" % (len(text), text, json.dumps(argument).encode())
        return self._answer(RUN, head, data, timeout_s, name)

    def call(self, command: str, request: bytes, timeout_s: float = COMMAND_S) -> dict[str, Any]:
        """Run a constant command with a request on its standard input and return its answer. Raises as ``program``."""
        return self._answer(command, request, None, timeout_s, "the request")

    def attach(self, command: str) -> int:
        """Run a constant command with this terminal's output, such as a journal to follow; return its exit status."""
        return subprocess.run(self._ssh(command), stdin=subprocess.DEVNULL, check=False).returncode

    def _ssh(self, command: str) -> list[str]:
        return ["ssh", *self._options, "--", self.host, command]

    def _answer(self, command: str, head: bytes, data: IO[bytes] | None, timeout_s: float, what: str) -> dict[str, Any]:
        log.debug("%s: %s", self.host, what)
        pipe = subprocess.PIPE
        with children.started(self._ssh(command), stdin=pipe, stdout=pipe, stderr=pipe) as child:
            try:
                _send(child, head, data)
                out, err = child.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                raise RemoteUnreachable(f"{self.host} did not answer within {timeout_s:g} s") from None
        if child.returncode == UNREACHABLE:
            raise unreachable(self.host, err.decode(errors="replace"))
        value = strict_json.loads(out, f"the answer of {self.host}", MAX_ANSWER) if child.returncode == 0 else None
        if not isinstance(value, dict):
            raise EdgeVisionError(f"{self.host}: {_last_line(err) or _last_line(out) or f'{what} failed'}")
        return value


@contextmanager
def connect(host: str, port: int | None = None, identity: Path | None = None) -> Iterator[Device]:
    """Connect to ``USER@HOST``, asking for a password or passphrase on the terminal if ssh needs one.

    Raises BadInput, MissingDependency, RemoteUnreachable.
    """
    _check(host)
    if shutil.which("ssh") is None:
        raise MissingDependency("ssh not found; install the Debian package openssh-client")
    own = [*(["-p", str(port)] if port else []), *(["-i", str(identity)] if identity else [])]
    with scratch_folder(prefix="ev-") as folder:
        options = [*own, "-o", f"ControlPath={folder / 's'}", "-o", f"ConnectTimeout={CONNECT_S}"]
        options += ["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=4"]
        # In the foreground, so that ssh can ask on the terminal; it stays behind as the master of the connection.
        master = [*options, "-o", "ControlMaster=yes", "-o", "ControlPersist=600"]
        log.info("connecting to %s", host)
        with (folder / "said").open("w+b") as said:
            opened = subprocess.run(
                ["ssh", *master, "-f", "-N", "--", host],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                check=False,
            )
            said.seek(0)
            text = said.read(2**16).decode(errors="replace")
        if opened.returncode != 0:
            raise unreachable(host, text)
        try:
            yield Device(host, [*options, "-o", "ControlMaster=no"])
        finally:
            subprocess.run(
                ["ssh", *options, "-q", "-O", "exit", "--", host], capture_output=True, timeout=10, check=False
            )


def unreachable(host: str, said: str) -> EdgeVisionError:
    """Return the error for what ssh wrote on its standard error."""
    known = connection_problem(host, host.rpartition("@")[2], said)
    return RemoteUnreachable(f"cannot reach {host}: {reason(said)}") if known is None else known


def _check(host: str) -> None:
    """Refuse what ssh could take for an option or another command. Raises BadInput."""
    if not host or host.startswith("-") or any(one.isspace() or not one.isprintable() for one in host):
        raise BadInput(f"expected USER@HOST, got {host!r:.80}")


def _send(child: subprocess.Popen[bytes], head: bytes, data: IO[bytes] | None) -> None:
    """Write to a child's standard input; if it ended already, its exit status says why."""
    assert child.stdin is not None
    with suppress(OSError):
        child.stdin.write(head)
        if data is not None:
            shutil.copyfileobj(data, child.stdin, 1 << 18)
        child.stdin.flush()


def _last_line(raw: bytes) -> str:
    lines = [line.strip() for line in raw.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("edgevision install: error: ") if lines else ""
