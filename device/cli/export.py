"""``edgevision export``: a model for what runs it elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.byte_sizes import parse_bytes
from edgevision.cli.options import PATH, json_option, overwrite_option, quiet_option
from edgevision.cli.setting_options import option_of
from edgevision.cli.terminal import bar, note, say, say_json
from edgevision.errors import UsageError

from ..export.registry import TARGETS, open_target, require_fitting
from ..loop.options import SETTINGS

if TYPE_CHECKING:
    from ..export.records import Exported

WAIT_S = 0.5


def _bytes(_: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """Return the number of bytes that an option gives. Raises UsageError."""
    try:
        return None if value is None else parse_bytes(value)
    except ValueError:
        raise UsageError(
            f"--{option.name}: {value!r} is not a size; give a number above 0 with kB or MB, such as 256kB"
        ) from None


@click.command()
@click.argument("model", type=PATH)
@click.option(
    "--to",
    required=True,
    type=click.Choice(list(TARGETS)),
    help="; ".join(f"{name}: {target.title}" for name, target in TARGETS.items()) + ".",
)
@click.option("-o", "--output", type=PATH, help="File or folder to make.  [default: named after the model]")
@click.option(
    "--runtime",
    type=PATH,
    metavar="DIR",
    help="web: folder with the archives of LiteRT.js that npm pack wrote.  [default: they are fetched once and kept]",
)
@click.option("--serve", is_flag=True, help="web: serve the app from this machine, until Ctrl-C.")
@option_of(SETTINGS["page"], help="web: serve the app here.  [default: 8088, for this machine only]")
@option_of(SETTINGS["page_tls"])
@option_of(SETTINGS["state"], help="web: folder of the certificate.")
@click.option(
    "--images",
    type=PATH,
    metavar="FOLDER",
    help="android, ios: photos on which to measure what MediaPipe's preprocessing would change.  [default: the self-test]",
)
@click.option(
    "--io",
    type=click.Choice(["int8", "uint8"]),
    help="c-array: type of the inputs and outputs.  [default: as they are]",
)
@click.option(
    "--ram",
    callback=_bytes,
    metavar="SIZE",
    help="c-array: refuse a model whose tensor arena needs more, such as 256kB.",
)
@click.option(
    "--flash", callback=_bytes, metavar="SIZE", help="c-array: refuse a model whose array has more, such as 1MB."
)
@json_option
@quiet_option
@overwrite_option
def export(model: Path, to: str, output: Path | None, overwrite: bool, as_json: bool, quiet: bool, **own: Any) -> None:
    """Make of MODEL what runs it elsewhere.

    --to web makes a folder that is a complete offline web app. It prepares images as edgevision run does, byte for byte, and
    runs the model's self-test at its first start. It works on phones and computers from any web host with https, and without
    a network afterwards.

    --to android and --to ios make a folder with the model for MediaPipe Tasks and the code of an app that feeds it as in
    training: Kotlin with CameraX, or Swift.

    --to c-array makes C++ sources for a microcontroller: the model, its constants and labels, the operators to register in
    TensorFlow Lite Micro, and a self-test. kB and MB are powers of 1000.
    """
    from ..export.records import ExportRequest

    given = {name: value for name, value in own.items() if value not in (None, False)}
    require_fitting(to, set(given))
    _require_serving(given, as_json)
    request = ExportRequest(model, output, overwrite, given)
    with bar("exporting", None, quiet):
        made = open_target(to)(request)
    if as_json:
        say_json(_to_json(made, to, model))
        return
    for line in made.notes:
        note(line, quiet)
    say(f"wrote {made.path}: {made.summary} ({made.files} files, {_size(made.bytes)})")
    if given.get("serve"):
        _serve(made.path, given)
    else:
        say(f"next: {made.next_step}")


def _require_serving(given: dict[str, Any], as_json: bool) -> None:
    """Refuse options that would have no effect, before any work is done. Raises UsageError, MissingDependency."""
    if given.get("serve"):
        from ..export.web.serving import require_libraries

        if as_json:
            raise UsageError("--json prints what was made and --serve goes on until Ctrl-C; give one of them")
        require_libraries()
        return
    for name in ("page", "page_tls", "state"):
        if name in given:
            raise UsageError(f"--{name.replace('_', '-')} has no effect without --serve; add --serve")


def _to_json(made: Exported, to: str, model: Path) -> dict[str, Any]:
    return {
        "schema": "edgevision.export/1",
        "to": to,
        "model": str(model),
        "model_sha256": made.model_sha256,
        "task": made.task,
        "path": str(made.path),
        "files": made.files,
        "bytes": made.bytes,
        "notes": list(made.notes),
        to.replace("-", "_"): dict(made.details),
    }


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _serve(folder: Path, given: dict[str, Any]) -> None:
    """Serve the app until the command is interrupted."""
    from threading import Event

    from ..export.web.export import PORT
    from ..export.web.serving import AppServer
    from ..page.address import LOOPBACK, PageAddress
    from ..page.opened import PageOptions

    address = given.get("page") or PageAddress(LOOPBACK, PORT)
    options = PageOptions(address=address, tls=given.get("page_tls"), state=given.get("state"))
    server = AppServer(folder, options)
    try:
        for line in server.lines():
            say(line, err=True)
        while server.problem is None:
            Event().wait(WAIT_S)
    finally:
        server.close()
