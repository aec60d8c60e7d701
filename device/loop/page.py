"""Opens the live page for a run of ``edgevision run --page``, and shows its address."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.files.state_folder import SYSTEM_FOLDER, state_folder

from ..label.collected import collected_page
from ..outputs.counts import Counts
from ..outputs.worker import OutputWorker
from ..page.cropped import Cropped
from ..page.opened import OpenPage, PageOptions, link, open_page, tokens_of
from ..page.qr_code import qr_lines
from ..page.shared_model import SharedModel

if TYPE_CHECKING:
    from edgevision.model import Model

    from ..stream.control import LoopControl
    from ..stream.protocols import Sink, Source
    from ..telemetry.run_stats import RunStats
    from .options import Options, Terminal


def open_live_page(
    options: Options,
    model: Model,
    camera: Source,
    measures: RunStats,
    control: LoopControl,
    config: Path | None,
    terminal: Terminal,
    sinks: Sequence[Sink],
) -> tuple[Source, SharedModel, OpenPage]:
    """Return the camera, the model and the sink that the loop uses with a page; ``sinks``: the others. Raises EdgeVisionError."""
    wanted = page_options(options, config)
    shared, cropped = SharedModel(model), Cropped(camera, control)
    save = None if config is None else partial(_save, config)
    clips = [sink.clips for sink in sinks if isinstance(sink, OutputWorker) and sink.clips is not None]
    counts = next((sink for sink in sinks if isinstance(sink, Counts)), None)
    labeling = partial(collected_page, shared)
    live = open_page(wanted, shared, cropped, measures, control, save, clips=clips, counts=counts, labeling=labeling)
    for line in address_lines(wanted, live.port, terminal.err.isatty()):
        terminal.note(line)
    return cropped, shared, live


def page_options(options: Options, config: Path | None = None) -> PageOptions:
    """Return the settings of the page among those of the run."""
    assert options.page is not None
    return PageOptions(
        address=options.page,
        tls=options.page_tls,
        state=options.state,
        collect=options.collect,
        name=options.camera_name,
        settings_file=config,
    )


def address_lines(options: PageOptions, port: int, secret: bool) -> list[str]:
    """Return the lines that show how to open the page; ``secret``: whether tokens may be shown, which a log must not."""
    tokens = tokens_of(options)
    if tokens is None:
        return [f"page: {link(options, port)}"]
    if not secret:
        return [f"page: {link(options, port)} (for the link with the token, on this machine: {_command(options)})"]
    url = link(options, port, tokens.admin)
    return [f"page: {url}", *qr_lines(url), f"page, to look only: {link(options, port, tokens.viewer)}"]


def _command(options: PageOptions) -> str:
    """Return the command that shows the links with tokens."""
    parts = ["edgevision", "page", "--link", "--page", str(options.address)]
    parts += [] if options.tls is None else ["--page-tls", options.tls]
    state = options.state or _assigned()
    parts += [] if state is None else ["--state", str(state)]
    return shlex.join(parts)


def _assigned() -> Path | None:
    """Return the state folder that systemd gave this loop, if it is not the one that root's commands use without --state."""
    folder = state_folder(user=0)
    return None if folder == SYSTEM_FOLDER else folder


def _save(path: Path, changes: dict[str, Any]) -> Path:
    from . import config_file

    config_file.update(path, changes)
    return path
