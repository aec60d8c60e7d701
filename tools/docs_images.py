"""Make the images of the documentation from a real run of the demo.

    python -m tools.docs_images

Runs ``edgevision demo`` in a temporary folder (about a minute) and writes docs/images/demo.jpg, its contact sheet, and
docs/images/demo.svg, what it printed on a terminal.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.text import Text

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
COLUMNS = 104
WIDTH = 1000
"""Pixels of the contact sheet across."""
QUALITY = 78
"""Of the JPEG: below 150 kB."""


def run_demo(folder: Path) -> str:
    """Run the demo in a folder; return what it printed on a terminal, with its colors. Raise CalledProcessError."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "edgevision", "demo"]
    with subprocess.Popen(
        command, cwd=folder, stdout=theirs, stderr=subprocess.PIPE, env=environment, stdin=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        printed = _read(ours)
        assert process.stderr is not None
        notes = process.stderr.read().decode()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, printed, notes)
    return notes.strip() + "\n" + printed.replace("\r\n", "\n")


def _read(terminal: int) -> str:
    parts = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()


def terminal_svg(text: str, command: str) -> str:
    """Return a terminal window with a command and its output, as SVG without references to other servers."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(Text.from_markup(f"[bold green]$[/] {command}"))
    console.print(Text.from_ansi(text.rstrip()))
    svg = console.export_svg(title="edgevision")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def contact_sheet(source: Path) -> bytes:
    """Return a contact sheet as a small JPEG."""
    image = cv2.imdecode(np.fromfile(source, np.uint8), cv2.IMREAD_COLOR)  # noqa: TID251
    assert image is not None
    height, width = image.shape[:2]
    small = cv2.resize(image, (WIDTH, round(height * WIDTH / width)), interpolation=cv2.INTER_AREA)  # noqa: TID251
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def main() -> None:
    """Make both images."""
    with tempfile.TemporaryDirectory() as folder:
        text = run_demo(Path(folder))
        IMAGES.mkdir(parents=True, exist_ok=True)
        (IMAGES / "demo.svg").write_text(terminal_svg(text, "make demo"), encoding="utf-8")
        (IMAGES / "demo.jpg").write_bytes(contact_sheet(Path(folder) / "runs" / "demo-1" / "contact.png"))
    for path in sorted(IMAGES.iterdir()):
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
