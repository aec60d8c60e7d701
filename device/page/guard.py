"""The gate before all routes: host, origin, login, rights, and the headers of every response."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

from .access import Access
from .problems import respond

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = ("/", "/label", "/label/", "/manifest.webmanifest", "/login", "/healthz")
"""Paths that need no login."""
OPEN_BELOW = ("/assets/", "/label/assets/")
"""Folders whose files need no login."""
ENTRIES = ("/", "/label/")
"""Pages to which a link on another website may lead."""
SAFE = ("GET", "HEAD")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; media-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on with its role in ``scope["state"]``."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                more = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in given]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Any:
        headers = _headers(scope)
        if headers is None:
            return respond(400, "a header is given twice")
        host = headers.get("host", "")
        if not self._access.knows_host(host):
            return respond(403, "unknown host name; open the page by its IP address or the name of the device")
        origin = headers.get("origin")
        if origin is not None and not self._access.same_origin(origin, host):
            return respond(403, "requests from other websites are refused")
        entry = scope["path"] in ENTRIES and scope["method"] in SAFE
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not entry:
            return respond(403, "requests from other websites are refused")
        role = self._access.role(headers.get("authorization", ""), _cookies(headers.get("cookie", "")))
        scope.setdefault("state", {})["role"] = role
        path = scope["path"]
        if path in OPEN or path.startswith(OPEN_BELOW):
            return None
        if role is None:
            return respond(401, "log in with the link or the token of this device", {"WWW-Authenticate": "Bearer"})
        if role != "admin" and scope["method"] not in SAFE:
            return respond(403, "this login may look, but change nothing")
        return None


def _headers(scope: Scope) -> dict[str, str] | None:
    """Return the headers; None if one that decides about access is given twice."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in found and key in ("host", "origin", "authorization", "sec-fetch-site"):
            return None
        found[key] = f"{found[key]}; {value.decode('latin-1')}" if key in found else value.decode("latin-1")
    return found


def _cookies(text: str) -> dict[str, str]:
    try:
        return {name: one.value for name, one in SimpleCookie(text).items()}
    except CookieError:
        return {}
