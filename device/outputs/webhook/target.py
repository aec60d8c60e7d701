"""The address of a webhook: where it may point, and how much of it is shown."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from edgevision.errors import BadInput
from edgevision.files.url_secrets import encoded
from edgevision.records import record

from ...cameras.backends.http_auth import Login
from ...cameras.backends.http_client import Address, address_of

USE_HTTPS = "use https://, or allow it with the setting allow_http"


@record(eq=False)
class Target:
    """A checked URL. Its ``repr`` shows no path, query or password, which often are secrets."""

    address: Address
    login: Login | None
    shown: str
    """Scheme and host, for display."""
    is_open: bool
    """Whether plain HTTP may leave the local network."""

    def __repr__(self) -> str:
        return f"Target({self.shown})"

    @property
    def is_loopback(self) -> bool:
        """Whether it points to this machine."""
        return self.address.host == "localhost" or _is(self.address.host, "is_loopback")

    def require_allowed(self, peer: str) -> None:
        """Refuse plain HTTP to an address outside the local network. ``peer``: IP address. Raises BadInput."""
        if self.address.scheme == "http" and not self.is_open and not is_local(peer):
            raise BadInput(f"{self.shown} is outside the local network, where anyone can read http; {USE_HTTPS}")


def parse(url: str, allow_http: bool = False) -> Target:
    """Return the target of a URL. Raises BadInput with a message that shows nothing secret."""
    try:
        clean = encoded(url)
        parts = urlsplit(clean)
        if parts.scheme.lower() not in ("http", "https"):
            raise BadInput("webhook: expected an address such as webhook:https://example.org/hook")
        address = address_of(clean)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except (ValueError, UnicodeError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(
            "webhook: the address is not a valid URL; expected one such as https://example.org/hook"
        ) from None
    login = None if parts.username is None else Login(user, password)
    target = Target(address, login, shown(url), allow_http)
    if _is_address(address.host):  # a name is checked when its address is known
        target.require_allowed(address.host)
    return target


def shown(url: str) -> str:
    """Return scheme, host and port of a URL; path, query and credentials may hold secrets."""
    try:
        parts = urlsplit(encoded(url))
        port = "" if parts.port is None else f":{parts.port}"
        host = parts.hostname or ""
    except ValueError:
        return "webhook:***"
    host = f"[{host}]" if ":" in host else host
    more = "/***" if parts.path.strip("/") or parts.query else ""
    return f"webhook:{parts.scheme}://{host}{port}{more}"


def is_local(address: str) -> bool:
    """Return whether an IP address is this machine or in a private network."""
    return any(_is(address, kind) for kind in ("is_loopback", "is_private", "is_link_local"))


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is(address: str, kind: str) -> bool:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return bool(getattr(found, kind)) and not found.is_unspecified
