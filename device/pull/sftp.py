"""Images by sftp, where one of the machines has no rsync; and deleting on the device, which sftp does for both."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from edgevision.errors import BadInput, EdgeVisionError

from . import ssh
from .remote_image import MAX_LISTED, ListedFile, RemoteImage
from .ssh import Login
from .transport import batch_bytes, failure

SERVER = "/usr/lib/openssh/sftp-server"
"""Path of the server program on Debian, for --sudo."""
MAX_FOLDERS = 1000
_LINE = re.compile(r"(?P<kind>.)[rwxsStT-]{9}[.+@]? +\S+ +\S+ +\S+ +(?P<bytes>\d+) +\w{3} +\d+ +[\d:]+ (?P<path>.+)")


class Sftp:
    """The sftp of this machine and the sftp server of the device. The names on this machine are chosen here."""

    name = "sftp"

    def __init__(self, login: Login) -> None:
        self._login = login
        root = ("-s", f"sudo -n {SERVER}") if login.sudo else ()
        self._command = (ssh.require("sftp"), *login.options(), *root, "-b", "-", login.remote.login)

    def listing(self) -> list[ListedFile]:
        """List the files in the folders of the folder. Raises EdgeVisionError."""
        top = self._listed([""])
        folders = [one.path for one in top if one.kind == "d" and _can_be_quoted(one.path)]
        return [*top, *self._listed([f"/{name}" for name in folders if name not in (".", "..")])]

    def fetch(self, images: Sequence[RemoteImage], into: Path, step: Callable[[int], None]) -> EdgeVisionError | None:
        """Write images to ``into``/LABEL/NAME; return why not all of them are complete. Raises BadInput."""
        lines = [f'-get "{self._place(one)}" ".{number}"\n' for number, one in enumerate(images)]
        limit = batch_bytes(images)
        done = ssh.run(self._command, given="".join(lines).encode(), cwd=into, growing=into, limit=limit, step=step)
        for number, one in enumerate(images):
            (into / one.label).mkdir(exist_ok=True)
            with suppress(FileNotFoundError):
                (into / f".{number}").rename(into / one.path)
        return failure(self._login, done)

    def delete(self, images: Sequence[RemoteImage]) -> EdgeVisionError | None:
        """Delete images on the device; return why that was not possible. Images that cannot be deleted stay."""
        lines = [f'-rm "{self._place(one)}"\n' for one in images]
        return failure(self._login, ssh.run(self._command, given="".join(lines).encode()))

    def _place(self, image: RemoteImage) -> str:
        return f"{self._login.remote.path.rstrip('/')}/{image.path}"

    def _listed(self, folders: Sequence[str]) -> list[ListedFile]:
        """List folders below the folder, each given with a slash in front. Raises EdgeVisionError."""
        if not folders:
            return []
        if len(folders) > MAX_FOLDERS:
            raise BadInput(f"the device lists {len(folders)} folders; at most {MAX_FOLDERS} are read")
        base = self._login.remote.path.rstrip("/") or "/"
        # Only the first folder must be there: others may be removed meanwhile.
        lines = [f'{"-" if name else ""}ls -lna "{base}{name}"\n' for name in folders]
        done = ssh.run(self._command, given="".join(lines).encode())
        if done.code != 0:
            raise ssh.problem(self._login, done.err)
        return parse_listing(done.out, base)


def parse_listing(out: bytes, base: str) -> list[ListedFile]:
    """Return the files of ``ls -lna`` below ``base``; lines of another form are left out. Raises BadInput for too many."""
    lines = out.split(b"\n")
    if len(lines) > MAX_LISTED:
        raise BadInput(f"the device lists {len(lines)} files; at most {MAX_LISTED} are read: give a folder of fewer")
    return list(_files(lines, base.rstrip("/") + "/"))


def _files(lines: Sequence[bytes], base: str) -> Iterator[ListedFile]:
    for line in lines:
        found = _LINE.fullmatch(line.decode("utf-8", "surrogateescape"))
        if found is not None and found["path"].startswith(base):
            yield ListedFile(found["path"].removeprefix(base), int(found["bytes"][:18]), found["kind"])


def _can_be_quoted(name: str) -> bool:
    """Return whether a folder name can stand in a line of a batch file."""
    return name.isprintable() and not any(letter in '"\\' or 0xD800 <= ord(letter) < 0xE000 for letter in name)
