"""A computer that may log in to an emulated board: ``edgevision deploy`` with keys and known_hosts of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from documents import parse
from terminal_user import TerminalUser

from tools.emulation.pi_board import Pi, Rootfs

USER = "edge"
HOST = f"{USER}@127.0.0.1"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
CONNECT_S = 120
"""Seconds for a login, which takes a tenth of this under emulation on an idle machine."""
PATIENCE_S = 900.0
SERVICE_DOWN = 3
"""Exit code of ``deploy status`` while the service does not run."""
CONFIG = """Host *
 IdentityFile {key}
 IdentitiesOnly yes
 UserKnownHostsFile {known}
 GlobalKnownHostsFile /dev/null
 StrictHostKeyChecking yes
 BatchMode yes
"""


class Remote:
    """The computer; the board is on a port of the loopback."""

    def __init__(self, pi: Pi, folder: Path, key: Path) -> None:
        """``pi``: the board, switched off: its host key is read from the SD card. ``key``: private key to log in with."""
        found, (scheme, public, *_) = shutil.which("ssh"), Rootfs(pi.card).read(HOST_KEY).split()
        known, config = folder / "known_hosts", folder / "ssh_config"
        known.write_text(f"[127.0.0.1]:{pi.ssh_port} {scheme} {public}\n")
        config.write_text(CONFIG.format(key=key, known=known))
        ssh = folder / "bin" / "ssh"
        ssh.parent.mkdir()
        # A wrapper, since ssh takes its configuration from the home folder of the account that the tests run as.
        ssh.write_text(f'#!/bin/sh\nexec {found} -F {shlex.quote(str(config))} -o ConnectTimeout={CONNECT_S} "$@"\n')
        ssh.chmod(0o755)
        self._folder, self._pi = folder, pi
        self._environ = {**os.environ, "PATH": f"{ssh.parent}:{os.environ['PATH']}", "NO_COLOR": "1", "COLUMNS": "120"}

    def run(self, command: str) -> str:
        """Run a shell line on the board and return its stdout."""
        line = ["ssh", "-p", str(self._pi.ssh_port), HOST, command]
        done = subprocess.run(
            line,
            stdin=subprocess.DEVNULL,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, f"exit {done.returncode}: {command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def answers(self) -> bool:
        """Return whether somebody can log in."""
        line = ["ssh", "-p", str(self._pi.ssh_port), HOST, "true"]
        return subprocess.run(line, env=self._environ, capture_output=True, check=False).returncode == 0

    def start(self, verb: str, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start ``edgevision deploy VERB`` for the board."""
        return subprocess.Popen(
            [sys.executable, "-m", "edgevision", *self._arguments(verb, *arguments)],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def deployed(self, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
        """Return the output of ``edgevision deploy --json``, which must end with an exit code."""
        said, errors = ended(self.start("update", "--json", *arguments), code)
        assert said, errors
        return parse(said, "deploy")

    def status(self) -> dict[str, Any]:
        """Return the output of ``edgevision deploy status --json``."""
        return parse(ended(self.start("status", "--json"), 0, SERVICE_DOWN)[0], "deploy_status")

    def at_terminal(self, verb: str, *arguments: str | Path) -> TerminalUser:
        """Start ``edgevision deploy VERB`` at a terminal."""
        return TerminalUser(
            *self._arguments(verb, *arguments), cwd=self._folder, environ=self._environ, patience_s=PATIENCE_S
        )

    def _arguments(self, verb: str, *arguments: str | Path) -> list[str]:
        return ["deploy", verb, "--port", str(self._pi.ssh_port), HOST, *map(str, arguments)]


def ended(process: subprocess.Popen[str], *codes: int) -> tuple[str, str]:
    """Wait for a command, which must end with one of these exit codes; return its stdout and stderr."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in err, err
    assert process.returncode in codes, f"exit {process.returncode} instead of {codes}\n{out}\n{err}"
    return out, err
