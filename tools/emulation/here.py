"""A second instance of this machine's systemd in namespaces, to test the service without a board in a minute."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

from .host import REPO, CannotRun, need_programs, need_root, run, say

SCRIPT = Path(__file__).with_name("boot_here.sh")
CGROUPS = Path("/sys/fs/cgroup")
CONTROLLERS = ("memory", "pids", "devices", "cpu", "systemd")
"""Controllers of cgroups v1; v2 has one tree for all."""
BOOT_S = 120
COMMAND_S = 120
CLEAN = ("env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root")


class Here:
    """A system that runs from the constructor to ``close``. It writes to memory, which is discarded."""

    def __init__(self, network: bool = False) -> None:
        """Start the system. Raises CannotRun.

        ``network``: with a network of its own, linked to this machine by a virtual cable; else it shares this machine's.
        """
        need_root()
        need_programs(
            {"unshare": "util-linux", "nsenter": "util-linux", "/lib/systemd/systemd": "systemd", "ip": "iproute2"}
        )
        self._folder = Path(tempfile.mkdtemp(prefix="edgevision-systemd-"))
        self._cgroups = _make_cgroups(self._folder.name)
        join = " ".join(f"echo $$ > {cgroup}/cgroup.procs;" for cgroup in self._cgroups)
        script = shlex.join(["sh", str(SCRIPT), str(self._folder), str(REPO)])
        own = "-m -p -f -u -i -C" + (" -n" if network else "")
        unshare = f"exec unshare {own} --kill-child {script}"
        self._process = subprocess.Popen(
            ["sh", "-c", f"set -e; {join} {unshare}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._first = 0
        self.cable = Cable(f"ev{self._process.pid}") if network else None

    def wait(self) -> None:
        """Wait until the system is up. Raises CannotRun."""
        began = time.monotonic()
        while time.monotonic() - began < BOOT_S:
            if self._process.poll() is not None:
                assert self._process.stderr is not None
                said = self._process.stderr.read().strip().splitlines()
                raise CannotRun(
                    f"systemd cannot run in namespaces here: {said[-1] if said else 'it exited without a message'}"
                )
            self._first = _child_of(self._process.pid)
            if _is_systemd(self._first) and self.try_run("systemctl is-system-running").stdout.strip() in (
                "running",
                "degraded",
            ):
                if self.cable is not None:
                    self.cable.lay(self._first)
                say(f"systemd is up after {time.monotonic() - began:.0f} s")
                return
            time.sleep(0.5)
        raise CannotRun(f"systemd did not start within {BOOT_S} s")

    def try_run(self, command: str, timeout_s: float = COMMAND_S) -> subprocess.CompletedProcess[str]:
        """Run a shell line as root, ignoring its exit status."""
        enter = ("nsenter", "-t", str(self._first), "-m", "-p", "-u", "-i", "-C", "-r", "-w")
        try:
            return subprocess.run(
                [*enter, *CLEAN, "sh", "-c", f"cd / && {command}"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 255, "", f"no answer within {timeout_s:g} s")

    def run(self, command: str, code: int = 0, timeout_s: float = COMMAND_S) -> str:
        """Run a shell line, which must exit with ``code``, and return its stdout."""
        done = self.try_run(command, timeout_s)
        assert done.returncode == code, f"exit {done.returncode}: {command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def close(self) -> None:
        """End all processes and remove the cgroups."""
        if self._process.poll() is None:
            self._process.kill()  # --kill-child ends process 1 too, and the kernel then ends all others
        self._process.wait()
        if self._first:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._first, signal.SIGKILL)
        for cgroup in self._cgroups:
            _remove_cgroup(cgroup)
        shutil.rmtree(self._folder, ignore_errors=True)


class Cable:
    """A virtual cable (veth(4)) between this machine and the network namespace of another system."""

    def __init__(self, name: str) -> None:
        """``name``: of the end on this machine; up to 15 characters."""
        self._name = name
        number = zlib.crc32(name.encode()) % 2**14
        network = ipaddress.ip_network("198.18.0.0/16")  # kept for tests between networks (RFC 2544)
        self.here, self.there = str(network[4 * number + 1]), str(network[4 * number + 2])
        """Addresses of the two ends."""

    def lay(self, process: int) -> None:
        """Connect this machine with the namespace of a process. Raises CannotRun."""
        inside = ("nsenter", "-t", str(process), "-n")
        for command in (
            ("ip", "link", "add", self._name, "type", "veth", "peer", "name", "eth0", "netns", str(process)),
            ("ip", "address", "add", f"{self.here}/30", "dev", self._name),
            ("ip", "link", "set", self._name, "up"),
            (*inside, "ip", "link", "set", "lo", "up"),
            (*inside, "ip", "address", "add", f"{self.there}/30", "dev", "eth0"),
            (*inside, "ip", "link", "set", "eth0", "up"),
        ):
            run(command, " ".join(command[-6:]))

    def pull(self) -> None:
        """Cut the connection without a word to either side. Raises CannotRun."""
        run(("ip", "link", "set", self._name, "down"), "pulling the cable")

    def plug(self) -> None:
        """Connect again. Raises CannotRun."""
        run(("ip", "link", "set", self._name, "up"), "plugging the cable in")


def test(arguments: Sequence[str], subject: str) -> int:
    """Run the tests in ``tests/emulated/SUBJECT``. ``arguments`` go to pytest. Raises CannotRun."""
    need_root()
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "--full", "--no-header", "-p", "no:cacheprovider"]
    environment = {**os.environ, "EDGEVISION_EMULATED": subject}
    done = subprocess.run([*command, f"tests/emulated/{subject}", *arguments], env=environment, cwd=REPO, check=False)
    return done.returncode


def _make_cgroups(name: str) -> list[Path]:
    """Make a cgroup for the system in each tree. Raises CannotRun."""
    trees = [CGROUPS] if (CGROUPS / "cgroup.controllers").exists() else [CGROUPS / one for one in CONTROLLERS]
    found = []
    for tree in trees:
        try:
            (tree / name).mkdir()
        except OSError as error:
            raise CannotRun(
                f"cannot make a cgroup in {tree}: {error.strerror}; run in a privileged container"
            ) from None
        found.append(tree / name)
    return found


def _child_of(process: int) -> int:
    """Return the child of ``unshare --fork``, which is process 1 of the namespaces; 0 if there is none yet."""
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False)
    return int(done.stdout.split()[0]) if done.stdout.split() else 0


def _is_systemd(process: int) -> bool:
    """Return whether the script was replaced by systemd; before that, commands would reach this machine's own systemd."""
    try:
        return Path(f"/proc/{process}/comm").read_text().strip() == "systemd"
    except OSError:
        return False


def _remove_cgroup(cgroup: Path) -> None:
    """Remove a tree of cgroups, deepest first, retrying because the kernel needs a moment to empty them."""
    for _ in range(50):
        for folder in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):
            cgroup.rmdir()
        if not cgroup.exists():
            return
        time.sleep(0.1)
