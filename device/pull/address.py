"""The folder of a device that images are pulled from: USER@HOST:PATH."""

from __future__ import annotations

import re
from typing import NamedTuple

from edgevision.errors import BadInput

DEFAULT_PATH = "/var/lib/edgevision/collected"
"""Where a service and the live page collect images."""
_FORM = re.compile(r"(?:(?P<user>[^@:/]*)@)?(?P<host>\[[^\]]*\]|[^@:/\[\]]*)(?::(?P<path>.*))?", re.DOTALL)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?")
_IPV6 = re.compile(r"\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?\]")
MAX_PATH = 1000


class RemoteFolder(NamedTuple):
    """A folder on a device."""

    user: str | None
    host: str
    """Name as ssh knows it, or an address; an IPv6 address is in brackets."""
    path: str

    @property
    def login(self) -> str:
        """USER@HOST, as ssh, sftp and rsync take it."""
        return f"{self.user}@{self.host}" if self.user else self.host

    def __str__(self) -> str:
        return f"{self.login}:{self.path}"


def parse(text: str) -> RemoteFolder:
    """Parse USER@HOST[:PATH]. Raises BadInput.

    Nothing that a program could take for an option or a shell for a command is accepted.
    """
    form = "use USER@HOST or USER@HOST:PATH, such as pi@door.local"
    found = _FORM.fullmatch(text)
    if found is None:
        raise BadInput(f"invalid device {text!r}; {form}")
    user, host, path = found["user"], found["host"], found["path"]
    if user is not None and not _USER.fullmatch(user):
        raise BadInput(f"invalid user {user!r} in {text!r}: use letters, digits, dots, hyphens and underscores; {form}")
    if not (_HOST.fullmatch(host) or _IPV6.fullmatch(host)):
        raise BadInput(f"invalid host {host!r} in {text!r}: use letters, digits, dots and inner hyphens; {form}")
    path = (path or DEFAULT_PATH).rstrip("/") or "/"
    if not path.isprintable() or path.startswith(("-", "//")) or len(path) > MAX_PATH or "\\" in path or '"' in path:
        raise BadInput(f"invalid folder {path!r} in {text!r}: give a plain path, such as {DEFAULT_PATH}")
    return RemoteFolder(user, host, path)
