"""``edgevision label``: a page on which a person confirms and corrects the labels of images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.options import PATH, engine_option, json_option, quiet_option
from edgevision.cli.setting_options import option_of
from edgevision.cli.terminal import bar, note, say, say_json

from ..loop.options import SETTINGS

if TYPE_CHECKING:
    from ..label.check import LabelCheck
    from ..label.guesses import Guesser
    from ..label.opening import Opened
    from ..page.opened import PageOptions

PORT = 8090
WAIT_S = 0.5
LISTED = 10


@click.command()
@click.argument("folder", type=PATH)
@click.option(
    "--model", type=PATH, help="Model (.tflite) whose guesses are shown: a classifier, or a detector for boxes."
)
@engine_option("cpu")
@click.option(
    "--to",
    type=click.Choice(["folder", "voc", "coco"]),
    help="Write class folders, Pascal VOC or COCO JSON.  [default: as the folder is; with a detector, voc]",
)
@click.option(
    "--check",
    is_flag=True,
    help="Show likely mistakes in the labels first. Needs --model, made with edgevision convert --with-embedding.",
)
@option_of(SETTINGS["page"], help="Serve the page here.  [default: 8090, for this machine only]")
@option_of(SETTINGS["page_tls"])
@option_of(SETTINGS["state"], help="Folder of the page's tokens and certificate.")
@option_of(SETTINGS["max_pixels"])
@json_option
@quiet_option
def label(
    folder: Path, model: Path | None, engine: str, to: Any, check: bool, max_pixels: int, as_json: bool, **rest: Any
) -> None:
    """Confirm and correct labels on a local page, with a model's guesses.

    FOLDER: class folders, with _unsure/ of edgevision run --collect; images with boxes as Pascal VOC or COCO JSON; or loose
    images. Every answer is carried out at once, can be undone, and is recorded in FOLDER/.edgevision-label/log.jsonl.
    With --json, only the result of --check is printed, and no page is served.
    """
    from edgevision.preprocessing.native_log import silence
    from edgevision.preprocessing.pixel_limit import set_max_pixels

    from ..label.opening import open_folder, require_folder

    if as_json and not check:
        raise click.UsageError("--json prints the result of --check; give both, or neither")
    if check and model is None:
        raise click.UsageError("--check needs --model MODEL.tflite, made with edgevision convert --with-embedding")
    _require_libraries(check, serve=not as_json)
    set_max_pixels(max_pixels)
    silence()
    require_folder(folder)
    with _guesser(model, engine, folder) as guesser:
        opened = open_folder(folder, guesser, to)
        try:
            _show_notes(opened, rest["quiet"])
            report = _checked(opened, guesser, rest["quiet"]) if check and guesser is not None else None
            if as_json and report is not None:
                say_json(report.to_json())
                return
            if report is not None:
                _tell(report)
            _serve(folder, opened, rest)
        finally:
            opened.close()


def _require_libraries(check: bool, serve: bool) -> None:
    if check:
        from ..label.mistakes import require_library

        require_library()
    if serve:
        from ..page.opened import require_libraries

        require_libraries()


@contextmanager
def _guesser(model: Path | None, engine: str, folder: Path) -> Iterator[Guesser | None]:
    """Open the model, if there is one. Raises EdgeVisionError."""
    if model is None:
        yield None
        return
    from edgevision.model import open_model

    from ..label.guesses import Guesser

    with open_model(model, engine=engine) as opened:
        yield Guesser(opened, folder)


def _checked(opened: Opened, guesser: Guesser, quiet: bool) -> LabelCheck:
    from ..label.check import check_session

    session = opened.session
    with bar("near-duplicates", None, quiet):
        session.similar.run()
    labeled = sum(item.state.label is not None for item in session.items())
    with bar("features", labeled, quiet) as step:
        return check_session(session, guesser.vector, guesser.model.card.name, step)


def _show_notes(opened: Opened, quiet: bool) -> None:
    for line in opened.session.form.notes:
        note(line, quiet)


def _tell(report: LabelCheck) -> None:
    """Print the worst doubts, and what they rest on."""
    say(
        f"about {report.estimated_mistakes} of {report.images} labels are probably wrong; "
        f"{len(report.mistakes)} disagree with a 5-fold cross-validation on features of {report.features}, the worst first:"
    )
    for one in report.mistakes[:LISTED]:
        say(f"  {one.path}: {one.label}, likely {one.likely} ({one.score:.2f})")
    if len(report.mistakes) > LISTED:
        say(f"  {len(report.mistakes) - LISTED} more (on the page, and with --json)")
    if report.left_out_classes:
        say(f"not checked, because they have fewer than 5 different images: {', '.join(report.left_out_classes)}")


def _serve(folder: Path, opened: Opened, rest: dict[str, Any]) -> None:
    """Serve the page until the command is interrupted."""
    from threading import Event

    from ..label.opened import LabelServer
    from ..loop.page import address_lines

    options = _page_options(rest)
    server = LabelServer(options, opened)
    try:
        import sys

        for line in address_lines(options, server.port, sys.stderr.isatty()):
            say(line, err=True)
        if not rest["quiet"]:
            say(f"{_progress(opened)}; Ctrl-C ends", err=True)
        while server.problem is None:
            Event().wait(WAIT_S)
    except KeyboardInterrupt as error:
        error.add_note(f"{folder}: {_progress(opened)}")
        raise
    finally:
        server.close()


def _progress(opened: Opened) -> str:
    progress = opened.session.progress()
    return f"{progress.images} images, {progress.answered} answered, {progress.left} to label"


def _page_options(rest: dict[str, Any]) -> PageOptions:
    from ..page.address import LOOPBACK, PageAddress
    from ..page.opened import PageOptions

    address = rest["page"] or PageAddress(LOOPBACK, PORT)
    return PageOptions(address=address, tls=rest["page_tls"], state=rest["state"])
