"""The login account: the first account of Raspberry Pi OS (UID 1000), renamed.

The OS's own helper (package userconf-pi) renames it if it is installed. Anything that the helper did not do, or that a
power cut interrupted, is completed afterwards.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.atomic_files import place, read_text
from ..base.checks import secret, table, text
from ..base.commands import elsewhere, run
from ..base.errors import Refused
from ..base.inside import inside
from . import ssh, sudo

UID = 1000
PEOPLE = range(UID, 60000)
"""UIDs of regular user accounts (Debian Policy, section 9.2.2)."""
HELPER = Path("/usr/lib/userconf-pi/userconf")
LOCKED = "!"
"""Password field that no password matches."""
GROUPS = "adm dialout cdrom sudo audio video plugdev games users input render netdev gpio i2c spi".split()
"""Groups of Raspberry Pi OS's first account; those that do not exist are skipped."""
FILES = ("home", *(f"etc/{name}" for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")))
"""Paths that useradd(8), usermod(8) and groupmod(8) change."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_HASH = re.compile(r"[./0-9A-Za-z$=,*!_-]{1,400}")


@dataclass(frozen=True, slots=True)
class Account:
    """One line of /etc/passwd."""

    name: str
    uid: int
    gid: int
    home: str


def set_user(value: Any, root: Path) -> None:
    """Set the account's name, password, SSH keys and sudo rule. Raises Refused, OSError."""
    user = table(value, "user")
    name = text(user.get("name"), _NAME, "user name")
    password = LOCKED if user.get("password_hash") is None else user["password_hash"]
    password = secret(password, _HASH, "password hash")
    keys = user.get("ssh_keys") or []
    ssh.keys_only(root)
    _require_plain(root)
    account = _ensure(name, root)
    _set_password(name, password, root)
    sudo.allow(name, user.get("sudo", "none"), root)
    ssh.set_keys(keys, inside(root, account.home), (account.uid, account.gid))
    if keys:
        ssh.enable(root)


def find(root: Path, name: str | None = None, uid: int | None = None) -> Account | None:
    """Return the account with this name or UID."""
    for line in read_text(inside(root, "etc/passwd")).splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isdigit() and fields[3].isdigit():
            account = Account(fields[0], int(fields[2]), int(fields[3]), fields[5])
            if name in (None, account.name) and uid in (None, account.uid):
                return account
    return None


def groups(root: Path) -> dict[str, int]:
    """Return name -> GID of all groups."""
    fields = [line.split(":") for line in read_text(inside(root, "etc/group")).splitlines()]
    return {field[0]: int(field[2]) for field in fields if len(field) == 4 and field[2].isdigit()}


def _require_plain(root: Path) -> None:
    """Refuse another machine's root where the programs that change accounts would follow a link out of it. Raises Refused."""
    for path in FILES:
        if inside(root, path) != root / path:
            raise Refused(f"{root / path} is reached through a link, so accounts are not changed; replace the link")


def _ensure(name: str, root: Path) -> Account:
    """Rename or create the account and return it. Raises Refused."""
    account = find(root, name=name)
    if account is not None and account.uid not in PEOPLE:
        raise Refused(f"user name {name} is a system account; choose another name")
    first = find(root, uid=UID)
    if first is not None and account in (None, first):
        _rename(first.name, name, root)
    elif account is None:
        _create(name, root)
    account = find(root, name=name)
    if account is None:
        raise Refused(f"could not create the account {name}")
    return _put_right(account, root)


def _create(name: str, root: Path) -> None:
    wanted = ",".join(group for group in GROUPS if group in groups(root))
    more: Sequence[str] = ("-G", wanted) if wanted else ()
    command = ["useradd", *elsewhere(root), "-u", str(UID), "-U", "-m", "-s", "/bin/bash", *more, name]
    run(command, "useradd", root)


def _rename(old: str, new: str, root: Path) -> None:
    """Rename the account; its entry changes last, so that after a power cut all of this is done again.

    The helper also runs if the name does not change: it turns off the OS's own user dialog, also on a desktop.
    """
    for path in (inside(root, "etc/subuid"), inside(root, "etc/subgid")):
        lines = read_text(path).splitlines(keepends=True)
        moved = [f"{new}:{line.removeprefix(old + ':')}" if line.startswith(f"{old}:") else line for line in lines]
        if moved != lines:
            place(path, "".join(moved).encode("utf-8", "surrogateescape"))
    if root == Path("/") and os.access(HELPER, os.X_OK):
        with suppress(Refused):  # its last error is about services that do not run yet; the result is checked below
            run([HELPER, new, LOCKED], "userconf", root)
    if find(root, name=new) is None:
        run(["usermod", *elsewhere(root), "-l", new, old], "usermod", root)


def _put_right(account: Account, root: Path) -> Account:
    """Rename the home folder and the group to match the account."""
    home = f"/home/{account.name}"
    if account.home != home:
        move = ["-m"] if inside(root, account.home).is_dir() and not inside(root, home).exists() else []
        run(["usermod", *elsewhere(root), "-d", home, *move, account.name], "usermod", root)
    known = groups(root)
    own = next((group for group, number in known.items() if number == account.gid), None)
    if own not in (None, account.name) and account.gid >= UID and account.name not in known:
        run(["groupmod", *elsewhere(root), "-n", account.name, str(own)], "groupmod", root)
    folder = inside(root, home)
    if not folder.is_dir():
        folder.mkdir(parents=True, mode=0o700)
        os.chown(folder, account.uid, account.gid)
    return Account(account.name, account.uid, account.gid, home)


def _set_password(name: str, password: str, root: Path) -> None:
    """Set the password hash via standard input, since everybody can see a command line."""
    where: list[str | Path] = [] if root == Path("/") else ["--root", root]
    run(["chpasswd", "-e", *where], "chpasswd", root, f"{name}:{password}\n".encode())
