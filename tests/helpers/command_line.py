"""The command line, run in the process of the tests: a new process needs seconds to import TensorFlow."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryFile
from typing import IO
from unittest.mock import patch

from edgevision.cli.main import main


def edgevision(*arguments: object, cwd: Path | None = None) -> CompletedProcess[str]:
    """Run a command in ``cwd``, else in the current folder; return its exit status and output. Tracebacks propagate.

    Its input is empty. Its output goes to real files, because the loop writes to their descriptors. Tests of what a new
    process prints, such as the log of TensorFlow, start one.
    """
    line = [str(one) for one in arguments]
    with (
        TemporaryFile("w+", encoding="utf-8", newline="") as stdout,
        TemporaryFile("w+", encoding="utf-8", newline="", errors="backslashreplace") as stderr,
        Path(os.devnull).open(encoding="utf-8") as nothing,
    ):
        with (
            contextlib.chdir(cwd or Path.cwd()),
            patch.object(sys, "stdin", nothing),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            try:
                main(line)
            except SystemExit as ended:
                code = ended.code
        assert isinstance(code, int)
        return CompletedProcess(line, code, _text(stdout), _text(stderr))


def _text(stream: IO[str]) -> str:
    stream.seek(0)
    return stream.read()
