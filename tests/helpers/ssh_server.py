"""A real sshd on a free port of the loopback, with keys of its own, and a client configuration for it."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from ports import free_port

SFTP_SERVER = "/usr/lib/openssh/sftp-server"


@dataclass(frozen=True)
class SshServer:
    """A running server; ``login`` is USER@door.test, which only ``config`` knows."""

    folder: Path
    config: Path
    login: str
    port: int

    @property
    def known_hosts(self) -> Path:
        """The client's file of host keys."""
        return self.folder / "known_hosts"


@contextmanager
def ssh_server(folder: Path, *, rsync: bool = True, sftp: bool = True) -> Iterator[SshServer]:
    """Start a server; without ``rsync`` or ``sftp``, as on a device that lacks it."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if sshd is None or shutil.which("rsync") is None:
        pytest.skip("sshd or rsync is not installed; run sh tools/system_packages.sh")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized_keys").write_text((folder / "user_key.pub").read_text())
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # started as root, it wants its folder for the separated process
    port = free_port()
    (folder / "sshd_config").write_text(_server_config(folder, port, rsync, sftp))
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host_key.pub').read_text()}")
    config = folder / "ssh_config"
    config.write_text(
        f"Host door.test\n HostName 127.0.0.1\n Port {port}\n IdentityFile {folder}/user_key\n IdentitiesOnly yes\n"
        f" UserKnownHostsFile {folder}/known_hosts\n GlobalKnownHostsFile /dev/null\n"
    )
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen(
            [sshd, "-D", "-e", "-f", folder / "sshd_config"], stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        _wait(port, server, folder / "sshd.log")
        yield SshServer(folder, config, f"{getpass.getuser()}@door.test", port)
    finally:
        server.terminate()
        server.wait(120)


def _server_config(folder: Path, port: int, rsync: bool, sftp: bool) -> str:
    """Return the configuration; the commands that a client may start are found in the folder ``bin`` only."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name in (*(["rsync"] if rsync else []), "sh", "bash", "env"):
        found = shutil.which(name)
        if found is not None and not (programs / name).exists():
            (programs / name).symlink_to(found)
    sudo = programs / "sudo"
    sudo.write_text('#!/bin/sh\n[ "$1" = -n ] && shift\nexec "$@"\n')
    sudo.chmod(0o755)
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder}/host_key",
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "StrictModes no",
        "PidFile none",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        f"SetEnv PATH={programs}",
        *([f"Subsystem sftp {SFTP_SERVER}"] if sftp else []),
    ]
    return "\n".join(lines) + "\n"


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise AssertionError(f"sshd ended: {log.read_text()}")
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("sshd does not answer")
