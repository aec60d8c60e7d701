"""HTTP authentication by user and password: Basic (RFC 7617) and Digest (RFC 7616)."""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Iterable
from typing import NamedTuple

_FIELD = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}
"""Digest algorithm -> name in hashlib. Cameras know no others."""


class Login:
    """User and password of one server, and what it asked for. Its ``repr`` shows neither."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user, password
        self._asked: _Challenge | None = None
        self._count = 0

    def header(self, method: str, target: str) -> str:
        """Return the value of ``Authorization`` for a request; Basic until a server asks for Digest."""
        if self._asked is None:
            return "Basic " + b64encode(f"{self._user}:{self._password}".encode()).decode("ascii")
        self._count += 1
        return self._digest(self._asked, method, target)

    def accept(self, challenges: Iterable[str], is_first: bool) -> bool:
        """Take up the ``WWW-Authenticate`` headers of a 401; return whether another attempt can succeed.

        ``is_first``: whether it is the first 401 of a request; a nonce of an earlier request may be too old.
        """
        found = _digest_challenge(challenges)
        is_new = found is not None and (self._asked is None or self._asked.nonce != found.nonce)
        again = found is not None and is_new and (is_first or found.is_stale)
        if again:
            self._asked, self._count = found, 0
        return again

    def _digest(self, asked: _Challenge, method: str, target: str) -> str:
        def digest(*parts: str) -> str:
            return hashlib.new(_HASHES[asked.algorithm], ":".join(parts).encode(), usedforsecurity=False).hexdigest()

        count, once = f"{self._count:08x}", os.urandom(8).hex()
        secret, request = digest(self._user, asked.realm, self._password), digest(method, target)
        middle = (count, once, "auth") if asked.has_qop else ()
        fields = {
            "username": self._user,
            "realm": asked.realm,
            "nonce": asked.nonce,
            "uri": target,
            "response": digest(secret, asked.nonce, *middle, request),
        } | ({} if asked.opaque is None else {"opaque": asked.opaque})
        texts = [f'{name}="{_escaped(value)}"' for name, value in fields.items()]
        texts.append(f"algorithm={asked.algorithm}")
        if asked.has_qop:
            texts += ["qop=auth", f"nc={count}", f'cnonce="{once}"']
        return "Digest " + ", ".join(texts)


class _Challenge(NamedTuple):
    """What a server sent for Digest."""

    realm: str
    nonce: str
    algorithm: str
    opaque: str | None
    has_qop: bool
    is_stale: bool
    """Whether only the nonce before was too old; else the user or password is wrong."""


def _digest_challenge(challenges: Iterable[str]) -> _Challenge | None:
    """Return the first Digest challenge that can be answered."""
    for text in challenges:
        start = re.search(r"(?i)(?:^|,)\s*digest\s", text)
        if start is None:
            continue
        fields = {name.lower(): quoted or plain for name, quoted, plain in _FIELD.findall(text[start.end() :])}
        algorithm = fields.get("algorithm", "MD5").upper()
        kinds = [kind.strip() for kind in fields.get("qop", "").lower().split(",")]
        if "nonce" in fields and algorithm in _HASHES and (kinds == [""] or "auth" in kinds):
            stale = fields.get("stale", "").lower() == "true"
            realm, opaque = fields.get("realm", ""), fields.get("opaque")
            return _Challenge(realm, fields["nonce"], algorithm, opaque, kinds != [""], stale)
    return None


def _escaped(value: str) -> str:
    """Return a quoted-string's content; a line break would begin another header."""
    value = "".join(letter for letter in value if letter.isprintable())
    return value.replace("\\", "\\\\").replace('"', '\\"')
