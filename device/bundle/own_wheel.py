"""Build the wheel of edgevision from the running files, installed or in a checkout, without a build tool.

The packages that need TensorFlow are left out: a device does not use them. The format follows the binary distribution
format of the Python packaging specifications.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from importlib import import_module, metadata
from pathlib import Path

from edgevision import __version__
from edgevision.errors import MissingDependency

from .reproducible_zip import add

ROOMS = ("edgevision", "edgevision.device")
"""Packages to include with everything below them; edgevision.convert is left out."""
WHEEL = "Wheel-Version: 1.0\nGenerator: edgevision\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build(folder: Path) -> Path:
    """Write ``edgevision-VERSION-py3-none-any.whl``; the same files give the same bytes. Raises MissingDependency."""
    info = f"edgevision-{__version__}.dist-info"
    files = _modules() | {f"{info}/{name}": text.encode() for name, text in _metadata().items()}
    rows = [f"{name},sha256={_hash(content)},{len(content)}" for name, content in sorted(files.items())]
    record = f"{info}/RECORD"
    files[record] = ("\n".join([*rows, f"{record},,"]) + "\n").encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(files, key=lambda name: (name.startswith(info), name)):
            add(archive, name, files[name])
    path = folder / f"edgevision-{__version__}-py3-none-any.whl"
    path.write_bytes(stream.getvalue())
    return path


def _modules() -> dict[str, bytes]:
    """Return path in the wheel -> content."""
    found: dict[str, bytes] = {}
    for room in ROOMS:
        (base,) = map(Path, import_module(room).__path__)
        for path in base.rglob("*"):
            parts = path.relative_to(base).parts
            left_out = "__pycache__" in parts or path.name.startswith(".") or path.suffix in (".pyc", ".part")
            # In an installation, the other packages are folders of the first one.
            other = room == "edgevision" and parts[0] in ("convert", "device")
            if path.is_file() and not left_out and not other:
                found["/".join([*room.split("."), *parts])] = path.read_bytes()
    return found


def _metadata() -> dict[str, str]:
    try:
        here = metadata.distribution("edgevision")
    except metadata.PackageNotFoundError:
        raise MissingDependency("edgevision is not installed as a package; run: pip install edgevision") from None
    text = here.read_text("METADATA") or here.read_text("PKG-INFO") or ""
    scripts = "[console_scripts]\nedgevision = edgevision.__main__:main\n"
    return {"METADATA": text, "WHEEL": WHEEL, "entry_points.txt": scripts}


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
