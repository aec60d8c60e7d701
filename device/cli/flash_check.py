"""``edgevision flash check``: verify an OS image or SD card made by ``flash image``."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path

import click

from edgevision.cli.options import DEVICE, PATH, json_option
from edgevision.cli.terminal import say, say_json


@click.command("check")
@click.argument("place", type=DEVICE, metavar="IMAGE|CARD")
@click.option(
    "--key",
    "keys",
    type=PATH,
    multiple=True,
    metavar="PUB",
    help="Require the bundle to be signed with one of these keys.",
)
@json_option
def check(place: Path, keys: tuple[Path, ...], as_json: bool) -> int:
    """Check every file that flash image put on an OS image or SD card, and whether the device will boot from it.

    If the SD card was booted already, this is reported; flash status then shows how far the installation has got. Exit
    code 3: something is wrong.
    """

    from ..bundle.keys import require_public
    from ..flash.image.check import check as look
    from ..flash.image.check import started

    for key in keys:
        require_public(key)
    findings = look(place, keys)
    ok = all(one.ok for one in findings)
    if as_json:
        rows = [asdict(one) for one in findings]
        fields = {"path": str(place), "ok": ok, "started": started(findings), "findings": rows}
        say_json({"schema": "edgevision.image_check/1", **fields})
        return 0 if ok else 3
    for one in findings:
        say(f"{'ok' if one.ok else 'wrong':6}{one.name}: {one.found}")
        if one.todo:
            say(f"      {'next' if one.ok else 'what to do'}: {one.todo}")
    if ok and not started(findings):
        say("all files are unchanged")
        if place.is_file():
            say(f"next: edgevision flash write {shlex.quote(str(place))} --to DEVICE")
    return 0 if ok else 3
