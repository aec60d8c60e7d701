"""``edgevision cameras``: list the usable cameras and how to select each one."""

from __future__ import annotations

import click

from edgevision.cli.options import json_option
from edgevision.cli.terminal import say, say_json


@click.command()
@json_option
def cameras(as_json: bool) -> None:
    """List the cameras of this machine with the numbers that --camera takes.

    CSI cameras come first, then USB cameras. Each USB camera is opened for one frame. Numbers may change when a device is
    plugged in; the name in the second column does not.
    """
    from edgevision.preprocessing.native_log import silenced

    from ..cameras.listing import look

    with silenced():
        found = look()
    if as_json:
        say_json(found.to_json(), 1)
        return
    from edgevision.cli.terminal import note, show
    from edgevision.reporting.terminal import table

    from ..cameras.listing import Listed, summary

    def row(camera: Listed) -> tuple[str, ...]:
        return str(camera.number), camera.spec, camera.name, camera.through, camera.state, summary(camera)

    if found.cameras:
        show(table((">--camera", "or", "name", "through", "state", "offers"), map(row, found.cameras)))
    if found.others:
        show(table(("not usable", "name", "why"), found.others))
    for hint in found.hints:
        note(hint)
    if found.cameras:
        say(f"{len(found.cameras)} camera{'s' * (len(found.cameras) != 1)}.")
        say(f"Next: edgevision run --camera {found.cameras[0].number}")
    else:
        say("No camera found.")
        say("Next: plug one in, or try a generated pattern: edgevision run --camera test:")
