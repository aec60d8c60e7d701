"""A device to deploy to: systemd in namespaces, with a real SSH server that a user may log in to by key.

Commands run with the device's files, but in this machine's network: if the device has one of its own, those of ``edgevision
deploy`` reach it by a virtual cable, as another computer would.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from documents import parse
from ports import free_port

from tools.emulation.here import Here
from tools.emulation.host import REPO

USER = "pi"
FOLDER = "/srv/deploy"
"""Models and wheels on the machine that deploys, which is the device itself with another user."""
PATIENCE_S = 900.0
SSHD = """[Unit]
Description=SSH server of the test
[Service]
ExecStartPre=/bin/mkdir -p /run/sshd
ExecStart=/usr/sbin/sshd -D -e -p {port} -o ListenAddress=127.0.0.1 -o PasswordAuthentication=no -o UsePAM=no
"""


class EmulatedDevice:
    """The device, and the command line of a computer beside it that knows its key."""

    def __init__(self, here: Here) -> None:
        self.here = here
        self.port = free_port()
        self.edgevision = f"{shlex.quote(sys.executable)} -m edgevision"
        self.address = "127.0.0.1" if here.cable is None else here.cable.there
        self.host = f"{USER}@{self.address}"

    def start(self) -> None:
        """Make the user, its key and the SSH server."""
        unit = shlex.quote(self.sshd(self.port))
        for line in (
            f"id {USER} >/dev/null 2>&1 || useradd --create-home --shell /bin/bash {USER}",
            f"usermod -p '*' {USER} && mkdir -p /etc/sudoers.d /root/.ssh /home/{USER}/.ssh",
            f"echo '{USER} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/010_pi-nopasswd && chmod 440 /etc/sudoers.d/*",
            "ssh-keygen -A && rm -f /root/.ssh/id_ed25519* && ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519",
            f"cp /root/.ssh/id_ed25519.pub /home/{USER}/.ssh/authorized_keys && chown -R {USER}: /home/{USER}",
            f"chmod 700 /home/{USER}/.ssh && printf %s {unit} > /run/systemd/system/ssh-test.service",
            "systemctl daemon-reload && systemctl start ssh-test",
        ):
            self.run(line)
        self.know_host()

    def sshd(self, port: int) -> str:
        """Return a unit of an SSH server at the device's address."""
        return SSHD.format(port=port).replace("127.0.0.1", self.address)

    def know_host(self) -> None:
        """Put the device's host key into known_hosts of the machine that deploys."""
        known = "/root/.ssh/known_hosts"
        scan = f"ssh-keyscan -p {self.port} {self.address} > {known} 2>/dev/null; test -s {known}"
        until("the SSH server", lambda: self.here.try_run(scan).returncode == 0)

    def run(self, command: str, code: int = 0) -> str:
        """Run a shell line as root on the device."""
        return self.here.run(command, code, PATIENCE_S)

    def deploy(self, arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run ``edgevision deploy``; ``{host}`` stands for the device and its port."""
        where = f"--port {self.port} {self.host}"
        done = self.here.try_run(f"cd {FOLDER} && {self.edgevision} deploy {arguments.format(host=where)}", PATIENCE_S)
        assert "Traceback" not in done.stderr, done.stderr
        if code is not None:
            assert done.returncode == code, f"exit {done.returncode}: {arguments}\n{done.stdout}\n{done.stderr}"
        return done

    def deployed(self, arguments: str, code: int = 0) -> dict[str, Any]:
        """Return the output of ``edgevision deploy --json``."""
        return parse(self.deploy(f"update --json {arguments}", code).stdout, "deploy")

    def status(self) -> dict[str, Any]:
        """Return the output of ``edgevision deploy status --json``."""
        return parse(self.deploy("status --json {host}", None).stdout, "deploy_status")

    def state(self) -> dict[str, Any]:
        """Return state.json of the device."""
        value = json.loads(self.run("cat /opt/edgevision/state.json"))
        assert isinstance(value, dict)
        return value

    def uploads(self) -> str:
        """Return what deployments left in the user's home."""
        return self.run(f"ls -A /home/{USER}/.cache 2>/dev/null || true").strip()


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait until a condition is true; ``what`` names it in the failure message."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE_S, f"timed out waiting for {what}"
        time.sleep(1)


def make_models(here: Here) -> None:
    """Write two models of different names."""
    folder = FOLDER
    edgevision = f"{shlex.quote(sys.executable)} -m edgevision"
    bare = shlex.quote(str(REPO / "tests" / "data" / "tiny.tflite"))
    here.run(f"mkdir -p {folder} && printf 'red\\ngreen\\nblue\\n' > {folder}/labels.txt")
    for name in ("one", "two"):
        here.run(
            f"{edgevision} card {bare} --name {name} --resize stretch --labels {folder}/labels.txt -o {folder}/{name}.tflite"
        )


def wheels(cache: Path) -> Path:
    """Return a folder with the libraries of a device like this machine, downloaded once."""
    folder = cache / "deploy-wheels"
    if not folder.exists():
        part = folder.with_suffix(".part")
        part.mkdir(parents=True, exist_ok=True)
        from edgevision.device.bundle.target import Target
        from edgevision.device.bundle.wheelhouse import collect

        collect(Target("3.11", "x86_64"), part)
        part.rename(folder)
    return folder
