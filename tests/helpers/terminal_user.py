"""Simulated user at a real terminal (a pty) that controls a program."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

PATIENCE_S = 120.0
"""Timeout in seconds, far longer than a busy machine needs; a program that never asks must fail the test."""

HAND_S, AGAIN_S = 0.5, 10.0


class TerminalUser:
    """``python -m edgevision ...`` at a terminal with 100 columns."""

    def __init__(self, *args: object, cwd: Path, environ: Mapping[str, str], patience_s: float = PATIENCE_S) -> None:
        self.screen, slave = pty.openpty()
        termios.tcsetwinsize(slave, (50, 100))
        self.shown = ""
        """Everything shown on the screen so far."""
        self._read = 0
        self._patience_s = patience_s
        self._child = subprocess.Popen(
            [sys.executable, "-m", "edgevision", *map(str, args)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env=dict(environ),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def sees(self, text: str) -> None:
        """Wait until a text appears after the text seen before."""
        end = time.monotonic() + self._patience_s
        while (at := self.shown.find(text, self._read)) < 0:
            if not self._more(end - time.monotonic()):
                raise AssertionError(f"{text!r} did not appear after {self.shown[self._read :]!r}")
        self._read = at + len(text)

    def types(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def answers(self, question: str, text: str) -> None:
        """Type a line once the question and its prompt are shown."""
        self.sees(question)
        self.sees(": ")
        self.types(f"{text}\n")

    def leaves(self) -> int:
        """Read the screen to its end and return the exit code."""
        end = time.monotonic() + self._patience_s
        while self._more(end - time.monotonic()):
            pass
        return self._child.wait(self._patience_s)

    def gives_up(self, key: str) -> int:
        """Press Ctrl-C or Ctrl-D after a short delay and return the exit code.

        The key is pressed again if the program was not yet waiting for an answer the first time.
        """
        time.sleep(HAND_S)
        self.types(key)
        end = time.monotonic() + AGAIN_S
        while self._child.poll() is None and time.monotonic() < end:
            self._more(0.1)
        if self._child.poll() is None:
            self.types(key)
        return self.leaves()

    def close(self) -> None:
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        os.close(self.screen)

    def _more(self, seconds: float) -> bool:
        """Read available output; return False if no more will come."""
        if seconds <= 0 or not select.select([self.screen], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.screen, 65536)
        except OSError:  # Linux: the program closed its terminal
            return False
        self.shown += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)
