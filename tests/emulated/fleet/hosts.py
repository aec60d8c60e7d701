"""Five devices, each a systemd in namespaces with an SSH server of its own, and an Ansible inventory of them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from documents import parse
from ports import free_port
from second_systemd import second_systemd

from tools.emulation.here import Here
from tools.emulation.host import REPO

from ..deploy.device import SSHD, wheels

USER = "pi"
NAMES = ("door1", "door2", "door3", "door4", "door5")
PATIENCE_S = 900.0
SECRET = "correct horse battery"
"""In the vault of the inventory; nothing that is printed may contain it."""


class Fleet:
    """The devices, and the machine beside them that has the inventory."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.folder = folder
        self.first: dict[str, Any] = {}
        """Result of the first installation."""
        self.inventory = folder / "hosts.yml"
        self.key = folder / "key"
        self.wheels = wheels(Path(os.environ.get("EDGEVISION_CACHE", Path.home() / ".cache" / "edgevision")))
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self.ports = {name: free_port() for name in NAMES}
        self.hosts = {name: stack.enter_context(second_systemd("test-fleet")) for name in NAMES}
        for name, here in self.hosts.items():
            self._log_in(here, self.ports[name])
        self._make_models()
        self._write_inventory()

    def _log_in(self, here: Here, port: int) -> None:
        """Make the user and start the SSH server."""
        public = shlex.quote(self.key.with_suffix(".pub").read_text().strip())
        unit = shlex.quote(SSHD.format(port=port))
        for line in (
            f"id {USER} >/dev/null 2>&1 || useradd --create-home --shell /bin/bash {USER}",
            f"usermod -p '*' {USER} && mkdir -p /etc/sudoers.d /home/{USER}/.ssh && rm -f /etc/ssh/ssh_host_*",
            f"echo '{USER} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/010_pi-nopasswd && chmod 440 /etc/sudoers.d/*",
            f"echo {public} > /home/{USER}/.ssh/authorized_keys && chown -R {USER}: /home/{USER} && chmod 700 /home/{USER}/.ssh",
            "ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key",
            f"printf %s {unit} > /run/systemd/system/ssh-test.service && systemctl daemon-reload && systemctl start ssh-test",
        ):
            here.run(line)
        known = self.folder / "known_hosts"
        scan = f"ssh-keyscan -t ed25519 -p {port} 127.0.0.1 2>/dev/null >> {shlex.quote(str(known))} && grep -q :{port} {known}"
        until("the SSH server", lambda: subprocess.run(scan, shell=True, check=False).returncode == 0)  # noqa: S602

    def _make_models(self) -> None:
        labels = self.folder / "labels.txt"
        labels.write_text("red\ngreen\nblue\n")
        for name in ("one", "two", "three"):
            made = self.edgevision(
                f"card {REPO}/tests/data/tiny.tflite --name {name} --resize stretch --labels {labels} -o {name}.tflite"
            )
            assert made.returncode == 0, made.stderr

    def _write_inventory(self) -> None:
        hosts = {name: {"ansible_port": port, "edgevision_camera": "test:"} for name, port in self.ports.items()}
        everywhere = {
            "ansible_host": "127.0.0.1",
            "ansible_user": USER,
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={self.folder}/known_hosts -o IdentitiesOnly=yes",
            # Five loops on one machine; a slow one is enough to see that it works.
            "edgevision_options": {"camera": {"fps": 2}},
        }
        self.inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": everywhere}}))

    def bootstrap(self) -> None:
        """Install the first release on one device, and give the others a copy of its files."""
        first, *others = NAMES
        self.first = self.deploy(f"one.tflite --limit {first}")[first]
        archive = REPO / ".cache" / "fleet" / "installed.tar"  # the checkout is in each of the systems
        archive.parent.mkdir(parents=True, exist_ok=True)
        files = "opt/edgevision etc/systemd/system/edgevision.service etc/systemd/system/multi-user.target.wants"
        self.hosts[first].run(f"tar -C / -cf {shlex.quote(str(archive))} {files}")
        for name in others:
            start = "systemctl daemon-reload && systemctl start edgevision"
            self.hosts[name].run(f"tar -C / -xf {shlex.quote(str(archive))} && {start}", timeout_s=PATIENCE_S)
        archive.unlink()

    def edgevision(self, arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of edgevision beside the inventory."""
        command = [sys.executable, "-P", "-m", "edgevision", *shlex.split(arguments)]
        environment = {
            **os.environ,
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert SECRET not in done.stdout + done.stderr
        return done

    def deploy(self, arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
        """Deploy to the inventory and return the result of each device."""
        done = self.edgevision(f"deploy --inventory hosts.yml --json --wheels {self.wheels} --frames 3 {arguments}")
        assert done.returncode == code, f"exit {done.returncode}: {arguments}\n{done.stdout}\n{done.stderr}"
        return {one["host"]: one for one in parse(done.stdout, "fleet_deploy")["hosts"]}

    def status(self, code: int = 0, more: str = "") -> dict[str, dict[str, Any]]:
        """Return the state of each device."""
        done = self.edgevision(f"fleet status --inventory hosts.yml --json {more}")
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return {one["host"]: one for one in parse(done.stdout, "fleet_status")["hosts"]}

    def pids(self) -> dict[str, str]:
        """Return the process of each loop."""
        return {
            name: here.run("systemctl show -p MainPID --value edgevision").strip() for name, here in self.hosts.items()
        }


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait until a condition is true; ``what`` names it in the failure message."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 60, f"timed out waiting for {what}"
        time.sleep(0.5)


def states(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return the state of each device in the order of the inventory."""
    return [found[name]["state"] for name in NAMES]
