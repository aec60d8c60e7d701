"""The command line, run in the process of the tests: a new process needs seconds to import TensorFlow."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from subprocess import CompletedProcess

from edgevision.cli.main import main


def edgevision(*arguments: object, cwd: Path) -> CompletedProcess[str]:
    """Run a command in ``cwd`` and return its exit status and output; tracebacks propagate.

    Tests of what a new process prints, such as the log of TensorFlow, start one.
    """
    line = [str(one) for one in arguments]
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.chdir(cwd), contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            main(line)
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int)
    return CompletedProcess(line, code, stdout.getvalue(), stderr.getvalue())
