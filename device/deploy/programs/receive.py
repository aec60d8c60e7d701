"""Receive a file on standard input, continuing where an earlier attempt ended, and check its hash."""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

CHUNK = 1 << 18
PART = ".part"


def main(argument: dict[str, Any]) -> dict[str, object]:
    """Append to NAME.part from ``offset`` on, and rename it once it is complete; return its path.

    ``keep``: names of all files of this deployment; others are of earlier ones that nobody continues.
    """
    folder = Path.home() / ".cache/edgevision/upload"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    kept = {name + suffix for name in argument["keep"] for suffix in ("", PART)}
    for other in folder.iterdir():
        if other.name not in kept:
            other.unlink()
    part = folder / (argument["name"] + PART)
    if not argument["offset"]:
        part.unlink(missing_ok=True)
    with part.open("ab") as stream:
        if stream.tell() != argument["offset"]:
            return {"error": f"{part} has {stream.tell()} bytes, expected {argument['offset']}"}
        while data := sys.stdin.buffer.read(CHUNK):
            stream.write(data)
            stream.flush()
        os.fsync(stream.fileno())
    if part.stat().st_size < argument["bytes"]:
        return {"error": f"{part.stat().st_size} of {argument['bytes']} bytes arrived"}
    with part.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != argument["sha256"]:
        part.unlink()
        return {"error": "it was damaged on the way"}
    part.rename(folder / argument["name"])
    return {"path": str(folder / argument["name"])}
