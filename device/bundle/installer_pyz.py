"""Build install.pyz: the installer package as one file that any Python 3.11 or later runs."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from .reproducible_zip import add

PACKAGE = "edgevision_install"
START = f"import sys\nfrom {PACKAGE}.__main__ import main\nsys.exit(main())\n"


def pyz() -> bytes:
    """Return the content of install.pyz; reproducible."""
    source = Path(__file__).resolve().parents[1] / "installer"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        add(archive, "__main__.py", START.encode())
        for path in sorted(source.rglob("*.py")):
            add(archive, f"{PACKAGE}/{path.relative_to(source).as_posix()}", path.read_bytes())
    return b"#!/usr/bin/env python3\n" + stream.getvalue()
