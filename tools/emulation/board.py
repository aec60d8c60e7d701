"""An emulated arm64 board: QEMU's ``virt`` machine with Debian's kernel, a disk image, and ssh on a loopback port."""

from __future__ import annotations

import shlex
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from .host import TIED, CannotRun, need_programs, run, say

PROGRAMS = {"qemu-system-aarch64": "qemu-system-arm", "ssh": "openssh-client"}
BOOT_S = 600
"""Seconds for a boot, which takes one to three minutes under emulation on a busy machine."""
COMMAND_S = 300


class Board:
    """A board that runs from the constructor to ``close``; writes to its disk are discarded."""

    def __init__(self, image: Path, kernel: Path, initrd: Path, key: Path, log: Path, *, memory_mb: int = 1024) -> None:
        """``key``: private ssh key that the image accepts; ``log``: file for the serial console. Raises CannotRun."""
        need_programs(PROGRAMS)
        self.key = key
        self.log = log
        self.port = free_port()
        self._lines: dict[str, subprocess.Popen[bytes]] = {}
        self._sockets = tempfile.TemporaryDirectory(prefix="board-")
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [
            *(*TIED, "qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", f"{memory_mb}M"),
            *("-accel", "tcg,thread=multi", "-display", "none", "-monitor", "none", "-serial", f"file:{log}"),
            *("-kernel", str(kernel), "-initrd", str(initrd)),
            *("-append", "root=LABEL=rootfs rw console=ttyAMA0 net.ifnames=0 quiet"),
            *("-drive", f"if=none,id=disk,file={image},format=raw,snapshot=on,cache=unsafe"),
            *("-device", "virtio-blk-pci,drive=disk"),
            *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:22"),
            *("-device", "virtio-net-pci,netdev=net,romfile="),
            *("-device", "virtio-rng-pci"),
        ]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def wait(self, timeout_s: float = BOOT_S) -> None:
        """Wait until login is possible. Raises CannotRun."""
        began = time.monotonic()
        while time.monotonic() - began < timeout_s:
            if self._process.poll() is not None:
                assert self._process.stderr is not None
                said = self._process.stderr.read().strip().splitlines()
                raise CannotRun(f"QEMU failed: {said[-1] if said else self._process.returncode}")
            if self.try_run("true", timeout_s=30).returncode == 0:
                self._keep_line("root")
                say(f"the board is up after {time.monotonic() - began:.0f} s")
                return
            time.sleep(2)
        raise CannotRun(f"the board did not boot within {timeout_s:g} s; console: {self.log}")

    def try_run(
        self, command: str, user: str = "root", timeout_s: float = COMMAND_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell line on the board, ignoring its exit status, which is also 255 if the board does not answer."""
        if self._lines:
            self._keep_line(user)
        try:
            return subprocess.run(
                [*self._ssh(user), command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 255, "", f"no answer within {timeout_s:g} s")

    def run(self, command: str, user: str = "root", code: int = 0, timeout_s: float = COMMAND_S) -> str:
        """Run a shell line, which must exit with ``code``, and return its stdout."""
        done = self.try_run(command, user, timeout_s)
        assert done.returncode == code, (
            f"exit {done.returncode} from the board: {command}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    def push(self, folder: Path, target: str) -> None:
        """Copy the contents of a folder into a folder of the board. Raises CannotRun."""
        unpack = f"mkdir -p {shlex.quote(target)} && tar -xf - -C {shlex.quote(target)}"
        pack = subprocess.Popen(
            ["tar", "-cf", "-", "--owner=0", "--group=0", "--mode=a+rX", "-C", folder, "."], stdout=subprocess.PIPE
        )
        with pack:
            done = subprocess.run([*self._ssh("root"), unpack], stdin=pack.stdout, timeout=COMMAND_S, check=False)
        if done.returncode or pack.returncode:
            raise CannotRun(f"copying {folder.name} to the board failed")

    def power_off(self, timeout_s: float = 120) -> bool:
        """Shut the system down and return whether it switched off by itself."""
        self.try_run("systemctl poweroff", timeout_s=60)
        try:
            return self._process.wait(timeout_s) == 0
        except subprocess.TimeoutExpired:
            return False

    def close(self) -> None:
        """Switch the power off."""
        processes: list[subprocess.Popen[str] | subprocess.Popen[bytes]] = [*self._lines.values(), self._process]
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self._sockets.cleanup()

    def _keep_line(self, user: str) -> None:
        """Keep a connection open for all commands: under emulation a new one takes seconds, on a busy machine a minute."""
        line = self._lines.get(user)
        if line is not None and line.poll() is None:
            return
        self._lines[user] = subprocess.Popen(
            [*TIED, *self._ssh(user)[:-1], "-M", "-N", f"{user}@127.0.0.1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        socket_path = self._socket(user)
        for _ in range(2 * COMMAND_S):
            if socket_path.exists() or self._lines[user].poll() is not None:
                return
            time.sleep(0.5)

    def _socket(self, user: str) -> Path:
        return Path(self._sockets.name) / user

    def _ssh(self, user: str) -> list[str]:
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes"]
        options += ["ConnectTimeout=120", f"ControlPath={self._socket(user)}"]
        flags = [part for option in options for part in ("-o", option)]
        return ["ssh", "-i", str(self.key), "-p", str(self.port), *flags, f"{user}@127.0.0.1"]


def make_key(path: Path) -> Path:
    """Make the ssh key pair of this cache's boards, once. Raises CannotRun."""
    need_programs(PROGRAMS)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "emulated board", "-f", path], "ssh-keygen")
    return path


def free_port() -> int:
    """Return a port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
