"""Fuzz all targets, or those named, and print a table: python -m tools.fuzz [--seconds 600] [TARGET ...]

Exit code: 0 without findings; 1 with findings, or if atheris is not installed (0 for the latter with ALLOW_SKIP=1).
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from .campaign import Result, fuzz, table
from .outcome import ROOT
from .registry import BY_NAME

FOLDER = ROOT / ".cache" / "fuzz"
SECONDS = 600


def main(arguments: list[str] | None = None) -> int:
    """Fuzz and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all of {', '.join(BY_NAME)}")
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"time for each target (default {SECONDS})")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="targets at the same time (default: cores)"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for new inputs and findings (default .cache/fuzz)")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.targets if name not in BY_NAME]
    if unknown:
        parser.error(f"no target {unknown[0]!r}; available: {', '.join(BY_NAME)}")
    if find_spec("atheris") is None:
        return _not_run()
    names = options.targets or list(BY_NAME)
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        results = list(pool.map(lambda name: _reported(name, options.folder, options.seconds), names))
    print(table(results))
    return 1 if any(result.findings or not result.executions for result in results) else 0


def _reported(name: str, folder: Path, seconds: int) -> Result:
    result = fuzz(name, folder, seconds)
    print(f"fuzz: {result.line()}", file=sys.stderr, flush=True)
    for finding in result.findings:
        print(f"fuzz: {name}: {finding}", file=sys.stderr, flush=True)
    return result


def _not_run() -> int:
    allowed = os.environ.get("ALLOW_SKIP") == "1"
    how = "skipped" if allowed else "counted as a failure; install it, or set ALLOW_SKIP=1 to skip this"
    print(f"fuzz: NOT RUN: atheris is not installed (pip install 'edgevision[fuzz]'): {how}", file=sys.stderr)
    return 0 if allowed else 1


if __name__ == "__main__":
    sys.exit(main())
