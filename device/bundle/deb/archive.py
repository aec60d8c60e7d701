"""Write the archive of a Debian package, in reproducible bytes and on any system (deb(5), ar(5)).

Three members: the version of the format, the control files as a compressed tar, and the files to install as another tar.
The latter is not compressed, because a bundle is.
"""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

MAGIC = b"!<arch>\n"
VERSION = b"2.0\n"
DATE = 1_577_836_800
"""Time of every file in seconds since 1970: archives of packages refuse dates before 1984."""
MAX_BYTES = 10**10 - 1
"""Largest member: its size has ten digits."""


@dataclass(frozen=True, slots=True)
class DebFile:
    """A file of a package."""

    data: bytes
    mode: int = 0o644


def archive(control: Mapping[str, DebFile], files: Mapping[str, DebFile]) -> bytes:
    """Return a package. ``control``: name -> control file. ``files``: absolute path on the device -> file."""
    members = {
        "debian-binary": VERSION,
        "control.tar.xz": lzma.compress(_tar(control), preset=6),
        "data.tar": _tar(files),
    }
    return MAGIC + b"".join(_member(name, data) for name, data in members.items())


def _member(name: str, data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise ValueError(f"{name} has {len(data)} bytes; a member of a package has at most {MAX_BYTES}")
    head = f"{name:<16}{DATE:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode("ascii")
    return head + data + b"\n" * (len(data) % 2)


def _tar(files: Mapping[str, DebFile]) -> bytes:
    """Return a ustar archive of files of root, each below the folders that lead to it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as made:
        paths = {PurePosixPath(name.lstrip("/")): file for name, file in files.items()}
        for folder in sorted({parent for path in paths for parent in path.parents}):
            info = _info("./" if folder == PurePosixPath() else f"./{folder}/", 0o755)
            info.type = tarfile.DIRTYPE
            made.addfile(info)
        for path, file in sorted(paths.items()):
            info = _info(f"./{path}", file.mode)
            info.size = len(file.data)
            made.addfile(info, io.BytesIO(file.data))
    return stream.getvalue()


def _info(name: str, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime, info.uname, info.gname = mode, DATE, "root", "root"
    return info
