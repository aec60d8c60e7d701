"""Opens the live page of a run."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from edgevision.errors import MissingDependency
from edgevision.files.state_folder import state_folder
from edgevision.records import record

from ..outputs.open import host_slug
from ..outputs.protocol import Context
from ..outputs.shared_frame import FrameCache
from ..system.clock import SYSTEM, Clock
from . import address as addresses
from . import metrics, tls
from .access import Access, Tokens, load_tokens
from .address import PageAddress
from .clips import PageClips
from .collected import Collected
from .history import History
from .lessons import Lessons
from .live import Live
from .metrics import PageMetrics
from .parts import Parts, SaveSettings
from .server import PageServer
from .shared_model import SharedModel

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp

    from ..outputs.clip_list import ClipList
    from ..outputs.counts import Counts
    from ..stream.control import LoopControl
    from ..stream.protocols import Source
    from ..telemetry.run_stats import RunStats

LIBRARIES = ("starlette", "uvicorn")
COLLECTED = "collected"
"""Folder of collected images in the state folder, unless ``--collect`` names one."""


@record(kw_only=True)
class PageOptions:
    """Settings of the page."""

    address: PageAddress
    tls: str | None = None
    """PEM file, ``auto``, or None for http."""
    state: Path | None = None
    collect: Path | None = None
    name: str | None = None
    """Name of this camera."""
    settings_file: Path | None = None


class OpenPage(Live):
    """The page as a sink of the loop; its server ends with it."""

    def __init__(self, frames: FrameCache, clock: Clock) -> None:
        super().__init__(frames, clock)
        self.server: PageServer | None = None
        self.port = 0

    @property
    def problem(self) -> str | None:
        """Why the server ended."""
        return None if self.server is None else self.server.problem

    def close(self) -> None:
        """End the page."""
        super().close()
        if self.server is not None:
            self.server.close()


def require_libraries() -> None:
    """Raise MissingDependency if a library of the page is not installed."""
    for name in LIBRARIES:
        if find_spec(name) is None:
            raise MissingDependency(
                f"--page: needs {name}, which is not installed; install it with: pip install 'edgevision[web]'"
            )


def open_page(
    options: PageOptions,
    model: SharedModel,
    camera: Source,
    stats: RunStats,
    control: LoopControl,
    save_settings: SaveSettings | None = None,
    clock: Clock = SYSTEM,
    clips: Sequence[ClipList] = (),
    counts: Counts | None = None,
    labeling: Callable[[Path], ASGIApp] | None = None,
) -> OpenPage:
    """Return the running page. Raises EdgeVisionError.

    ``clips``: what its outputs write. ``counts``: what lines and zones count; None: the model finds no objects.
    ``labeling``: makes the labeling page of the folder of collected images; None: there is none.
    """
    state = state_folder(options.state)
    pem = None if options.tls is None else tls.certificate(options.tls, options.address, state)
    access = Access(options.address, tokens_of(options), options.tls is not None, clock)
    name = options.name or host_slug()
    live = OpenPage(FrameCache(lambda: camera.dropped, clock), clock)
    folder = options.collect or state / COLLECTED
    parts = Parts(
        name=name,
        source=camera.spec,
        model=model,
        live=live,
        control=control,
        snapshot=stats.snapshot,
        access=access,
        collected=Collected(folder),
        clips=PageClips(clips, live),
        counts=counts,
        lessons=Lessons(model, live, state, folder),
        history=History(),
        metrics=_metrics(live, name, model, camera, stats, control, clock, counts),
        save_settings=save_settings,
        settings_file=None if options.settings_file is None else str(options.settings_file),
        labeling=None if labeling is None else labeling(folder),
        clock=clock,
    )
    listening = addresses.listen(options.address)
    live.port = listening.getsockname()[1]
    live.server = PageServer(listening, partial(_application, parts), pem)
    Thread(target=model.run_self_test, name="page self-test", daemon=True).start()
    return live


def _application(parts: Parts, loop: asyncio.AbstractEventLoop) -> ASGIApp:
    """Return the application, which runs on a loop."""
    from .app import make_app
    from .bell import Bell

    bell = Bell(loop)
    parts.live.wake = bell.ring
    return make_app(parts, bell)


def _metrics(
    live: Live,
    name: str,
    model: SharedModel,
    camera: Source,
    stats: RunStats,
    control: LoopControl,
    clock: Clock,
    counts: Counts | None,
) -> PageMetrics | None:
    """Return the metrics of the page, which then count the events of the loop."""
    if not metrics.is_available():
        return None
    context = Context(
        name=name,
        card=model.card,
        source=camera.spec,
        snapshot=stats.snapshot,
        control=control,
        counts=counts,
        clock=clock,
        stages=lambda: dict(stats.stages),
    )
    made = metrics.PageMetrics(context)
    live.on_event = made.event
    return made


def tokens_of(options: PageOptions) -> Tokens | None:
    """Return the tokens of a page that others can reach; None on loopback. Raises EdgeVisionError."""
    return None if options.address.is_loopback else load_tokens(state_folder(options.state))


def link(options: PageOptions, port: int, token: str | None = None) -> str:
    """Return the address of the page. A token stands after the #, which browsers send to nobody."""
    host = options.address.host
    if host in ("0.0.0.0", "::"):
        host = _outward() or socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    base = f"{'http' if options.tls is None else 'https'}://{shown}:{port}/"
    return base if token is None else f"{base}#token={token}"


def _outward() -> str | None:
    """Return this machine's address in its network; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])
