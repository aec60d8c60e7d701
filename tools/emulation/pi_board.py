"""An emulated Pi with an SD card, a power switch, a power button and a serial console; no keyboard, and no network unless asked."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from .host import TIED, CannotRun, need_programs, say
from .pi_root import Board

PROGRAMS = {"qemu-system-aarch64": "qemu-system-arm", "mtype": "mtools", "debugfs": "e2fsprogs"}
BOOT_AT = 8 << 20
"""Byte offset of the boot partition."""
ADDED = (
    "console=ttyAMA0,115200 net.ifnames=0 systemd.journald.forward_to_console=1 systemd.show_status=0"
    " lsm=landlock,lockdown,yama systemd.default_device_timeout_sec=900"
)
"""Kernel arguments that the firmware would add (the real name of the console), and that send the journal to the console.

Security modules without AppArmor and BPF, as on a Pi: initializing BPF takes 40 s under emulation.
On a busy machine, udev is slower than systemd's patience of 90 s with the boot partition, which would end in its emergency mode.
"""
CARD_MB = 4000
"""Larger than the image, as SD cards are: the root file system must grow to hold the libraries."""
NO_CLOCK = "2026-06-18T00:00:00"
"""A Pi has no real-time clock: each boot starts at the same time."""
RESTART, OFF = "reboot: Restarting system", "reboot: Power down"
PATIENCE_S = 900
"""Seconds for any step, many times what it takes."""


class Pi:
    """A board whose SD card is a file, which keeps what was written to it."""

    def __init__(self, board: Board, card: Path, log: Path, ssh_port: int | None = None) -> None:
        """Insert the SD card. Raises CannotRun.

        ``log``: file for the console output of all boots. ``ssh_port``: port of this machine's loopback that leads to the
        board's SSH server, by a network card without a way out; None: the board has no network card.
        """
        need_programs(PROGRAMS)
        self.card = card
        self.ssh_port = ssh_port
        self.log = log
        self._board = board
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets = tempfile.TemporaryDirectory(prefix="pi-")
        self._seen = 0
        self.starts: list[str] = []
        """The kernel command line of every boot."""
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")

    def power_on(self) -> None:
        """Act as the firmware: read cmdline.txt from the SD card and start the kernel with it. Raises CannotRun."""
        line = boot_file(self.card, "cmdline.txt").decode().strip()
        self.starts.append(line)
        self._seen = self.log.stat().st_size
        with self.log.open("ab") as log:
            log.write(f"\n===== start {len(self.starts)}: {line}\n".encode())
        command = [
            *(*TIED, "qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "1024M"),
            *("-accel", "tcg,thread=multi", "-display", "none", *self._network, "-no-reboot"),
            *("-qmp", f"unix:{self._monitor},server=on,wait=off", "-rtc", f"base={NO_CLOCK},clock=vm"),
            *("-chardev", f"file,id=console,path={self.log},append=on", "-serial", "chardev:console"),
            *("-kernel", str(self._board.kernel), "-initrd", str(self._board.initrd), "-append", f"{line} {ADDED}"),
            *("-drive", f"if=none,id=card,file={self.card},format=raw,cache=writeback"),
            *("-device", "virtio-blk-pci,drive=card", "-device", "virtio-rng-pci"),
        ]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def said(self) -> str:
        """Return the console output since the last boot."""
        with self.log.open("rb") as stream:
            stream.seek(self._seen)
            return stream.read().decode(errors="replace").replace("\r", "")

    def wait_for(self, what: str, seen: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Wait until ``seen()``, across any number of reboots. Raises AssertionError on a timeout or if the board is off."""
        began = time.monotonic()
        while not seen():
            assert time.monotonic() - began < timeout_s, f"timed out waiting for {what}; console: {self.log}"
            if not self.running:
                assert RESTART in self.said(), f"the board switched off while waiting for {what}; console: {self.log}"
                self.power_on()
            time.sleep(0.5)

    def wait_for_restart(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the system requests a reboot, which leaves the board off."""
        began = time.monotonic()
        while self.running:
            assert time.monotonic() - began < timeout_s, f"no reboot within {timeout_s:g} s; console: {self.log}"
            time.sleep(0.5)
        assert RESTART in self.said(), f"the board switched off instead of rebooting; console: {self.log}"

    @property
    def running(self) -> bool:
        """Whether the power is on. Raises CannotRun if QEMU could not start."""
        if self._process is None or self._process.poll() is None:
            return self._process is not None
        if self._process.returncode > 0:
            assert self._process.stderr is not None
            reason = self._process.stderr.read().decode(errors="replace").strip().splitlines()
            raise CannotRun(f"QEMU failed: {reason[-1] if reason else self._process.returncode}")
        return False

    def press_power_button(self, timeout_s: float = 300) -> None:
        """Press the power button, which makes systemd-logind shut down cleanly."""
        with socket.socket(socket.AF_UNIX) as line, line.makefile("rw") as talk:
            line.connect(self._monitor)
            talk.readline()  # the greeting
            for command in ("qmp_capabilities", "system_powerdown"):
                talk.write(json.dumps({"execute": command}) + "\n")
                talk.flush()
                while "return" not in json.loads(talk.readline()):
                    pass  # an event
        began = time.monotonic()
        while self.running:
            assert time.monotonic() - began < timeout_s, f"the power button had no effect; console: {self.log}"
            time.sleep(0.5)
        assert OFF in self.said(), f"the board switched off, but not by a shutdown; console: {self.log}"

    def cut_power(self) -> None:
        """Cut the power: data that the system had not written yet is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            say(f"power cut in boot {len(self.starts)}")

    def close(self) -> None:
        """Switch everything off."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._sockets.cleanup()

    def status(self) -> dict[str, str]:
        """Return the current status.json; empty if it cannot be read, for example while it is being written."""
        with contextlib.suppress(CannotRun, ValueError):
            found = json.loads(boot_file(self.card, "edgevision/status.json"))
            if isinstance(found, dict):
                return found
        return {}

    @property
    def _network(self) -> tuple[str, ...]:
        if self.ssh_port is None:
            return ("-nic", "none")
        link = f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22"
        return ("-netdev", link, "-device", "virtio-net-pci,netdev=net,romfile=")

    @property
    def _monitor(self) -> str:
        return str(Path(self._sockets.name) / "monitor")


def boot_file(card: Path, name: str) -> bytes:
    """Return a file of the boot partition, as a PC would read it. Raises CannotRun."""
    done = subprocess.run(
        ["mtype", "-i", f"{card}@@{BOOT_AT}", f"::{name}"],
        capture_output=True,
        env={**os.environ, "MTOOLS_SKIP_CHECK": "1"},
        check=False,
    )
    if done.returncode:
        raise CannotRun(f"cannot read {name} from {card.name}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


class Rootfs:
    """The second partition of an SD card that is not in use, read without mounting it."""

    def __init__(self, card: Path) -> None:
        """Find the partition in the partition table."""
        self.card = card
        with card.open("rb") as stream:
            stream.seek(446 + 16 + 8)
            self.offset = int.from_bytes(stream.read(4), "little") * 512

    def ask(self, request: str) -> str:
        """Return debugfs's output for a request."""
        done = subprocess.run(
            ["debugfs", "-R", request, f"{self.card}?offset={self.offset}"], capture_output=True, text=True, check=True
        )
        return done.stdout

    def read(self, path: str) -> str:
        """Return a text file; empty if it does not exist."""
        return self.ask(f'cat "{path}"')

    def names(self, folder: str) -> set[str]:
        """Return the names in a folder."""
        fields = [line.split("/") for line in self.ask(f'ls -p "{folder}"').splitlines() if line.startswith("/")]
        return {field[5] for field in fields} - {".", ".."}

    def write(self, path: str, text: str) -> None:
        """Replace a file, readable by all, on a card that was switched off cleanly. Raises CannotRun."""
        folder, name = path.rsplit("/", 1)
        with tempfile.TemporaryDirectory() as scratch:
            source, commands = Path(scratch, "source"), Path(scratch, "commands")
            source.write_text(text)
            source.chmod(0o644)
            commands.write_text(f"rm {path}\ncd {folder}\nwrite {source} {name}\n")
            command: list[str | Path] = ["debugfs", "-w", "-f", commands, f"{self.card}?offset={self.offset}"]
            subprocess.run(command, capture_output=True, check=True)
        if self.read(path) != text:
            raise CannotRun(f"cannot write {path} to {self.card.name}")

    def stat(self, path: str) -> str:
        """Return debugfs's description of a file (mode, owner, size); empty if it does not exist."""
        return self.ask(f'stat "{path}"')


def write_card(image: Path, card: Path) -> Path:
    """Write the image to a sparse SD card of ``CARD_MB``."""
    card.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--sparse=always", image, card], check=True)
    with card.open("r+b") as stream:
        stream.truncate(CARD_MB << 20)
    return card


def copy_card(card: Path, target: Path) -> Path:
    """Copy the SD card of a board that is off."""
    subprocess.run(["cp", "--sparse=always", card, target], check=True)
    return target
