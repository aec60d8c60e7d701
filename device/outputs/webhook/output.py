"""The output ``webhook:URL`` and its settings."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from edgevision.byte_sizes import format_bytes, parse_bytes
from edgevision.files.state_folder import state_folder
from edgevision.records import record
from edgevision.settings import setting

from ..kind import Kind, Needs
from ..protocol import Output
from .payload import request_of
from .post import tls_context
from .sender import Sender
from .signature import CREDENTIAL, read_secret
from .spool import Spool
from .target import Target, parse, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config import OutputConfig
    from ..item import Item
    from ..protocol import Context

Image = Literal["none", "plain", "annotated"]
SEND_S = 1.5
"""Seconds at the end of a run to send what waits; the rest waits on disk for the next run."""


@record(kw_only=True)
class WebhookSettings:
    """Settings of ``webhook:``."""

    image: Image = setting("none", "choice", "Send the image of an event too.", choices=get_args(Image))
    secret_file: Path | None = setting(None, "path", "File with the secret that signs requests.", metavar="FILE")
    timeout_s: float = setting(
        10.0, "float", "Longest duration of one attempt, in all.", low=0.1, high=300, metavar="SECONDS"
    )
    spool_size: int = setting(
        50_000_000,
        "text",
        "Space on disk for requests that wait; beyond it, the oldest are dropped.",
        form="a size, such as 50MB",
        parse=parse_bytes,
        unparse=format_bytes,
    )
    ca_file: Path | None = setting(None, "path", "Certificates of issuers to trust (PEM).", metavar="FILE")
    allow_http: bool = setting(False, "flag", "Allow http:// to addresses outside the local network.")


class Webhook(Output):
    """Stores every item as a request on disk; a sender posts them."""

    takes = "events"

    def __init__(self, spool: Spool, sender: Callable[[], Sender], camera: str, model: str, image: Image) -> None:
        """``sender``: starts the sender, once the spool is open."""
        self._spool, self._start_sender = spool, sender
        self._camera, self._model, self._image = camera, model, image
        self.images = image != "none"
        self._sender: Sender | None = None

    # What the worker reads is kept by the sender, so properties take the place of the protocol's attributes.
    @property
    def written(self) -> int:  # type: ignore[override]
        """Number of requests that the server took."""
        return 0 if self._sender is None else self._sender.sent

    @property
    def lost(self) -> int:  # type: ignore[override]
        """Number of requests refused for good, or dropped for lack of space."""
        return self._spool.lost + (0 if self._sender is None else self._sender.rejected)

    @property
    def failures(self) -> int:  # type: ignore[override]
        """Number of attempts that failed."""
        return 0 if self._sender is None else self._sender.failures

    @property
    def problem(self) -> str | None:  # type: ignore[override]
        """What keeps requests from being delivered now."""
        return None if self._sender is None else self._sender.problem

    @property
    def last_problem(self) -> str | None:  # type: ignore[override]
        """The last such problem, also after it was solved."""
        return None if self._sender is None else self._sender.last_problem

    def start(self) -> None:
        """Open the spool and begin to send. Raises CannotWrite."""
        self._spool.open()
        if self._sender is None:
            self._sender = self._start_sender()

    def deliver(self, item: Item) -> None:
        """Store one item as a request. Raises CannotWrite."""
        assert self._sender is not None
        self._spool.add(request_of(item, self._camera, self._model, self._image))
        self._sender.more()

    def interrupt(self) -> None:
        """End an attempt that is under way."""
        if self._sender is not None:
            self._sender.stop()

    def close(self) -> None:
        """Send what waits, for a moment; the rest stays on disk."""
        if self._sender is not None:
            self._sender.finish(SEND_S)
        self._spool.close()


def _check(config: OutputConfig) -> OutputConfig:
    parse(config.target, config.settings.allow_http)
    return config


def _target(config: OutputConfig) -> Target:
    return parse(config.target, config.settings.allow_http)


def _open(config: OutputConfig, context: Context) -> Webhook:
    chosen: WebhookSettings = config.settings
    target = _target(config)
    secret = read_secret(chosen.secret_file)
    tls = tls_context(chosen.ca_file) if target.address.scheme == "https" else None
    mark = hashlib.sha256(f"{context.name} {config.target}".encode()).hexdigest()[:16]
    spool = Spool(state_folder() / "webhooks" / mark, chosen.spool_size)

    def sender() -> Sender:
        return Sender(target, spool, secret, chosen.timeout_s, tls, context.clock)

    return Webhook(spool, sender, context.name, context.card.name, chosen.image)


def _needs(config: OutputConfig) -> Needs:
    is_loopback = _target(config).is_loopback
    credential = CREDENTIAL if config.settings.secret_file is None else None
    return Needs(network=not is_loopback, loopback=is_loopback, credential=credential, secret=True)


KIND = Kind(_open, settings=WebhookSettings, check=_check, needs=_needs, shown=lambda config: shown(config.target))
