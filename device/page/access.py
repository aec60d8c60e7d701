"""Who may use the live page: tokens, sessions, and the hosts and origins that are accepted."""

from __future__ import annotations

import hmac
import json
import secrets
import socket
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from edgevision.errors import BadInput, OutputExists
from edgevision.files import strict_json
from edgevision.files.atomic import write_new
from edgevision.input_file import read_file

from ..system.clock import SYSTEM, Clock
from .address import PageAddress, is_address

Role = Literal["admin", "viewer"]
COOKIE = "edgevision_session"
FILE = "page-tokens.json"
MAX_BYTES = 10_000
MIN_LENGTH = 16
"""Letters of a token; ours have 32."""
WINDOW_S = 60.0
"""Seconds in which failed logins count."""
MAX_FAILURES = 5
"""Failed logins per address in this time."""
MAX_ALL_FAILURES = 60
"""Failed logins from all addresses in this time."""


class Tokens(NamedTuple):
    """Secrets that give access."""

    admin: str
    viewer: str
    """May look, and change nothing."""


def token_file(state: Path) -> Path:
    """Return the file with the tokens in a state folder."""
    return state / FILE


def load_tokens(state: Path) -> Tokens:
    """Return the tokens of this device; they are made once, in a file that only its owner reads. Raises EdgeVisionError."""
    path = token_file(state)
    if not path.exists():
        made = Tokens(secrets.token_urlsafe(24), secrets.token_urlsafe(24))
        try:
            write_new(path, json.dumps(made._asdict()).encode() + b"\n", private=True)
        except OutputExists:  # another process was first
            return load_tokens(state)
        return made
    value = strict_json.loads(read_file(path, "file of page tokens", MAX_BYTES), str(path), MAX_BYTES)
    found = [value.get(name) for name in Tokens._fields] if isinstance(value, dict) else []
    admin, viewer = (one if isinstance(one, str) and one.isascii() else "" for one in found or ("", ""))
    if min(len(admin), len(viewer)) < MIN_LENGTH:
        raise BadInput(f"{path} is damaged; delete it to get new tokens")
    return Tokens(admin, viewer)


class Access:
    """Decides which requests are accepted."""

    def __init__(
        self,
        address: PageAddress,
        tokens: Tokens | None,
        tls: bool,
        clock: Clock = SYSTEM,
        host_name: str | None = None,
    ) -> None:
        """``tokens``: None on loopback, where every user of this machine is admitted."""
        self.tls = tls
        self._tokens = tokens
        self._loopback = address.is_loopback
        self._own = {address.host.lower()}
        self._name = (host_name or socket.gethostname()).lower().rstrip(".")
        self._clock = clock
        self._failures: deque[tuple[float, str]] = deque(maxlen=MAX_ALL_FAILURES)

    def knows_host(self, header: str) -> bool:
        """Return whether the Host header names this machine: else a foreign site may have pointed its name here."""
        host = _host_of(header)
        if host is None:
            return False
        if self._loopback:
            return host in ("localhost", "127.0.0.1", "::1") or host in self._own
        short = self._name.partition(".")[0]
        named = host == self._name or host == short or host.startswith(f"{short}.")
        return is_address(host) or named or host in self._own or host == "localhost"

    def same_origin(self, origin: str, host: str) -> bool:
        """Return whether the Origin header is the page itself."""
        return origin.lower() == f"{'https' if self.tls else 'http'}://{host.lower()}"

    def role(self, authorization: str, cookies: Mapping[str, str]) -> Role | None:
        """Return what a request may do; None: nothing."""
        if self._tokens is None:
            return "admin"
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return self._role_of(token.strip())
        session = cookies.get(COOKIE, "")
        for role in ("admin", "viewer"):
            if hmac.compare_digest(session.encode(), self._session(role).encode()):
                return role
        return None

    def wait_s(self, client: str) -> float:
        """Return how many seconds a client has to wait before it may log in; 0: none."""
        now = self._clock.monotonic()
        while self._failures and self._failures[0][0] <= now - WINDOW_S:
            self._failures.popleft()
        own = [at for at, who in self._failures if who == client]
        if len(own) >= MAX_FAILURES:
            return own[-MAX_FAILURES] + WINDOW_S - now
        if len(self._failures) >= MAX_ALL_FAILURES:
            return self._failures[0][0] + WINDOW_S - now
        return 0.0

    def login(self, token: str, client: str) -> tuple[Role, str] | None:
        """Return the role and the session of a token; None counts as a failure of this client."""
        if self._tokens is None:
            return "admin", ""
        role = self._role_of(token)
        if role is None:
            self._failures.append((self._clock.monotonic(), client))
            return None
        return role, self._session(role)

    def _role_of(self, token: str) -> Role | None:
        assert self._tokens is not None
        given = token.encode()
        if hmac.compare_digest(given, self._tokens.admin.encode()):
            return "admin"
        return "viewer" if hmac.compare_digest(given, self._tokens.viewer.encode()) else None

    def _session(self, role: Role) -> str:
        """Return the content of the cookie: derived from the token, so it outlives a restart and ends with the token."""
        assert self._tokens is not None
        token = getattr(self._tokens, role)
        return hmac.new(token.encode(), f"edgevision session {role}".encode(), "sha256").hexdigest()


def _host_of(header: str) -> str | None:
    """Return the host of a Host header without port and brackets; None if it is malformed."""
    text = header.strip().lower()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        good = bool(bracket) and (not rest or (rest[0] == ":" and rest[1:].isdecimal()))
        return host if good else None
    host, colon, port = text.partition(":")
    if not host or (colon and not port.isdecimal()):
        return None
    return host.rstrip(".")
