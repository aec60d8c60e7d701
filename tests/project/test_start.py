"""What ``edgevision run`` and ``edgevision --help`` import at their start, which costs time on a small board."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from edgevision import default_model

MAX_OF_RUN, MAX_OF_HELP = 80, 11
"""Largest numbers of our modules, packages included. Each takes 0.1 ms on a desktop, and a dataclass in it five times that."""
RUN_NEEDS = (
    "atexit, click, cv2, numpy, dataclasses, gc, hashlib, json, locale, pathlib, select, signal, threading, zlib",
    "ai_edge_litert.interpreter",  # missing on some machines
)
HELP_NEEDS = ("atexit, click, gettext, locale, shutil, signal, textwrap",)
REPORT = """
import os, sys
def report():
    os.write(2, ("MODULES " + " ".join(sys.modules) + "\\n").encode())
"""
FIRST_LINE = """
write = os.write
def stop_at_first_line(descriptor, data):
    if descriptor == 1:
        report()
        os._exit(0)
    return write(descriptor, data)
os.write = stop_at_first_line
from edgevision.__main__ import main
main()
"""
"""Run the command line, and report the loaded modules instead of writing the first line of results."""
HELP = """
from edgevision.__main__ import main
try:
    main()
finally:
    report()
"""


def modules(code: str, *arguments: str) -> set[str]:
    """Return the modules that a new process has loaded when it calls ``report``."""
    command = [sys.executable, "-c", REPORT + code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    line = next(line for line in done.stderr.splitlines() if line.startswith("MODULES "))
    return set(line.split()[1:])


def ours_and_others(loaded: set[str], needs: tuple[str, ...]) -> tuple[set[str], set[str]]:
    """Split modules into ours and those of others that the imports in ``needs`` do not load by themselves."""
    ours = {name for name in loaded if name.partition(".")[0] == "edgevision"}
    tries = "\n".join(f"try: import {names}\nexcept ImportError: pass" for names in needs)
    others = loaded - ours - modules(f"{tries}\nreport()")
    return ours, {name for name in others if not name.startswith("click.")}


def test_first_prediction_imports_only_what_it_needs(tmp_path: Path) -> None:
    film = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    for _ in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    loaded = modules(FIRST_LINE, "run", str(default_model.path()), "--source", str(film), "--json")
    ours, others = ours_and_others(loaded, RUN_NEEDS)
    assert others == set(), "edgevision imports these, but the first prediction can do without"
    assert len(ours) <= MAX_OF_RUN, sorted(ours)


def test_help_imports_only_click_and_the_command_line() -> None:
    ours, others = ours_and_others(modules(HELP, "--help"), HELP_NEEDS)
    assert others == set()
    assert len(ours) <= MAX_OF_HELP, sorted(ours)
