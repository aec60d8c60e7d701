"""Credentials in URLs: hidden wherever a URL is shown or recorded, and encoded where it is opened."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

_NAMES = "pass|pwd|pw|psw|token|secret|key|auth|user|usr|login|credential|sig|session|sid|jwt"
_KEY = re.compile(rf"(?i)([^=&;?]*(?:{_NAMES})[^=&;]*=)[^&;]*")
_BARE = re.compile(r"(?!test:\d+x\d+@(?:fast|[\d.]+)$)(//|)((?<=//)[^@]+|[^/:@\s]+:[^@/][^@]*)@(?!.*@)")
"""``user:password@`` where a URL lacks its scheme; a path with an ``@`` and ``test:640x480@fast`` are not."""
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z0-9-]*=)?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


def masked(url: str) -> str:
    """Return the URL with ``***`` in place of user, password and any key in the query; its fragment is left out."""
    scheme, credentials, rest = _split(url, whole=True)
    address, mark, query = rest.partition("#")[0].partition("?")
    host = address.partition("/")[0]
    if "[" in host and "]" not in host:
        return f"{scheme}***"  # an address that cannot be read may hide anything
    hidden = "" if credentials is None else f"{credentials.partition(':')[0]}:***@" if not scheme else "***@"
    return f"{scheme}{hidden}{address}{mark}" + _KEY.sub(r"\1***", query)


def masked_text(text: str) -> str:
    """Return a text with the credentials of every URL in it masked."""
    return _URL.sub(lambda found: masked(found[0]), text)


def masked_arguments(arguments: Iterable[str]) -> list[str]:
    """Return a command line with the credentials of every URL in it masked, for a record of it."""
    return [_masked_argument(argument) for argument in arguments]


def _masked_argument(argument: str) -> str:
    """Mask an argument as a whole if it is a URL: a password may contain spaces, which end a URL in a text."""
    start = _OPTION.match(argument)
    assert start is not None  # it matches the empty string
    option, value = argument[: start.end()], argument[start.end() :]
    is_url = _SCHEME.match(value) or _BARE.match(value)
    return option + (masked(value) if is_url else masked_text(value))


def encoded(url: str) -> str:
    """Return the URL with its user and password percent-encoded, so that no ``#``, ``/`` or ``@`` in them ends its host."""
    scheme, credentials, rest = _split(url)
    if credentials is None or not scheme:
        return url
    user, colon, password = credentials.partition(":")
    return f"{scheme}{quote(unquote(user), safe='')}{colon}{quote(unquote(password), safe='')}@{rest}"


def with_password(url: str, password: str | None) -> str:
    """Return an encoded URL with a password for its user, if it names a user only."""
    scheme, credentials, rest = _split(url)
    if not password or not scheme or not credentials or ":" in credentials:
        return url
    return f"{scheme}{credentials}:{quote(password, safe='')}@{rest}"


def _split(url: str, whole: bool = False) -> tuple[str, str | None, str]:
    """Return scheme with ``://``, credentials (None without) and the rest.

    Credentials reach up to the last ``@`` of the host's part, which RFC 3986 ends at ``/``, ``?`` or ``#``. A password that
    contains one of these leaves a port that is not a number, or a ``#`` before any path; then they reach up to the last ``@``
    of the URL. ``whole``: so they do whenever there are any, which may take a path with an ``@`` for a password, but never
    the other way around.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        found = _BARE.match(url)
        return (found[1], found[2], url[found.end() :]) if found else ("", None, url)
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    port = host.rpartition("]")[2].partition(":")[2]
    cut_off = "@" not in host and port != "" and not port.isdigit()
    cut_off |= rest[len(host) :].startswith("#") and "@" in rest[len(host) :]
    end = rest.rfind("@") if cut_off or (whole and "@" in host) else host.rfind("@")
    return scheme + mark, rest[:end] if end >= 0 else None, rest[end + 1 :]
