"""An emulated Pi with a card and nothing else: no network, no keyboard; a power switch, a power button, a serial console."""

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
"""Where the boot partition begins."""
ADDED = (
    "console=ttyAMA0,115200 net.ifnames=0 systemd.journald.forward_to_console=1 systemd.show_status=0"
    " lsm=landlock,lockdown,yama"
)
"""What the board's firmware would add (the console's real name), and what lets a watcher read along.

Without AppArmor and BPF among the security modules, as on a Pi: preparing the latter takes 40 s of emulation.
"""
CARD_MB = 4000
"""Larger than the image, as cards are: the root file system must grow to hold the libraries."""
NO_CLOCK = "2026-06-18T00:00:00"
"""A Pi has no clock of its own: each start begins at the same time."""
RESTART, OFF = "reboot: Restarting system", "reboot: Power down"
PATIENCE_S = 900
"""For anything: many times what it takes."""


class Pi:
    """A board whose card is a file; what it writes stays there, as far as it came."""

    def __init__(self, board: Board, card: Path, log: Path) -> None:
        """``log``: what the console said, of all starts. Raises CannotRun."""
        need_programs(PROGRAMS)
        self.card = card
        self.log = log
        self._board = board
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets = tempfile.TemporaryDirectory(prefix="pi-")
        self._seen = 0
        self.starts: list[str] = []
        """The kernel's line of every start."""
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")

    def power_on(self) -> None:
        """What the firmware does: reads cmdline.txt from the card and starts the kernel with it. Raises CannotRun."""
        line = boot_file(self.card, "cmdline.txt").decode().strip()
        self.starts.append(line)
        self._seen = self.log.stat().st_size
        with self.log.open("ab") as log:
            log.write(f"\n===== start {len(self.starts)}: {line}\n".encode())
        command = [
            *(*TIED, "qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "1024M"),
            *("-accel", "tcg,thread=multi", "-display", "none", "-nic", "none", "-no-reboot"),
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
        """What the console has said since the last start."""
        with self.log.open("rb") as stream:
            stream.seek(self._seen)
            return stream.read().decode(errors="replace").replace("\r", "")

    def wait_for(self, what: str, seen: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Until ``seen``, over any number of restarts. Raises AssertionError when it does not come or the board is off."""
        began = time.monotonic()
        while not seen():
            assert time.monotonic() - began < timeout_s, f"waited in vain: {what}; console: {self.log}"
            if not self.running:
                assert RESTART in self.said(), f"the board went off while waiting: {what}; console: {self.log}"
                self.power_on()
            time.sleep(0.5)

    def wait_for_restart(self, timeout_s: float = PATIENCE_S) -> None:
        """Until the system asks for a restart; the board is off then."""
        began = time.monotonic()
        while self.running:
            assert time.monotonic() - began < timeout_s, f"no restart within {timeout_s:g} s; console: {self.log}"
            time.sleep(0.5)
        assert RESTART in self.said(), f"the board went off instead of restarting; console: {self.log}"

    @property
    def running(self) -> bool:
        """Whether the power is on. Raises CannotRun when qemu could not start."""
        if self._process is None or self._process.poll() is None:
            return self._process is not None
        if self._process.returncode > 0:
            assert self._process.stderr is not None
            reason = self._process.stderr.read().decode(errors="replace").strip().splitlines()
            raise CannotRun(f"qemu ended: {reason[-1] if reason else self._process.returncode}")
        return False

    def press_power_button(self, timeout_s: float = 300) -> None:
        """A clean end, as systemd-logind does it."""
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
            assert time.monotonic() - began < timeout_s, f"the button had no effect; console: {self.log}"
            time.sleep(0.5)
        assert OFF in self.said(), f"the board ended, but not because of the button; console: {self.log}"

    def cut_power(self) -> None:
        """As if the plug were pulled: what the system had not written is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            say(f"power cut in start {len(self.starts)}")

    def close(self) -> None:
        """Switches everything off."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._sockets.cleanup()

    def status(self) -> dict[str, str]:
        """What status.json says now; empty where it cannot be read, as while it is being written."""
        with contextlib.suppress(CannotRun, ValueError):
            found = json.loads(boot_file(self.card, "edgevision/status.json"))
            if isinstance(found, dict):
                return found
        return {}

    @property
    def _monitor(self) -> str:
        return str(Path(self._sockets.name) / "monitor")


def boot_file(card: Path, name: str) -> bytes:
    """A file of the boot partition, as a PC would read it. Raises CannotRun."""
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
    """The second partition of a card that is off, read without mounting it."""

    def __init__(self, card: Path) -> None:
        """Finds the partition in the table."""
        self.card = card
        with card.open("rb") as stream:
            stream.seek(446 + 16 + 8)
            self.offset = int.from_bytes(stream.read(4), "little") * 512

    def ask(self, request: str) -> str:
        """What debugfs answers."""
        done = subprocess.run(
            ["debugfs", "-R", request, f"{self.card}?offset={self.offset}"], capture_output=True, text=True, check=True
        )
        return done.stdout

    def read(self, path: str) -> str:
        """A text file; empty where there is none."""
        return self.ask(f'cat "{path}"')

    def names(self, folder: str) -> set[str]:
        """Names in a folder."""
        fields = [line.split("/") for line in self.ask(f'ls -p "{folder}"').splitlines() if line.startswith("/")]
        return {field[5] for field in fields} - {".", ".."}

    def stat(self, path: str) -> str:
        """debugfs's words on a file: mode, owner, size; empty where there is none."""
        return self.ask(f'stat "{path}"')


def write_card(image: Path, card: Path) -> Path:
    """The image on a card of ``CARD_MB``, as a writer would put it there; sparse."""
    card.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--sparse=always", image, card], check=True)
    with card.open("r+b") as stream:
        stream.truncate(CARD_MB << 20)
    return card


def copy_card(card: Path, target: Path) -> Path:
    """The card of a board that is off, as it is now."""
    subprocess.run(["cp", "--sparse=always", card, target], check=True)
    return target
