"""``edgevision drift``: what is known of drift of a camera, and how to accept what is new."""

from __future__ import annotations

from pathlib import Path

import click

from edgevision.cli.options import json_option
from edgevision.cli.terminal import say, say_json

from ..loop.options import SETTINGS


@click.command()
@click.option("--camera-name", metavar="NAME", help="Name of the camera.  [default: the host name]")
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder of the state.  [default: the device's state folder]",
)
@click.option(
    "--reset", is_flag=True, help="Forget what was learned: what the camera sees from now on is the new normal."
)
@json_option
def drift(camera_name: str | None, state: Path | None, reset: bool, as_json: bool) -> int:
    """Show whether what a camera sees has moved, as edgevision run --drift noticed.

    A loop that runs notices --reset within seconds.
    """
    from edgevision.errors import MissingFile
    from edgevision.files.state_folder import state_folder
    from edgevision.settings import checked

    from ..drift.state_file import delete, drift_file, status_of_file
    from ..outputs.open import host_slug

    name = host_slug() if camera_name is None else checked(SETTINGS["camera_name"], camera_name)
    path = drift_file(state_folder(state), name)
    if not path.exists():
        raise MissingFile(f"nothing is known of drift of {name}: {path} does not exist; start edgevision run --drift")
    if reset:
        delete(path)
        say(f"forgot {path}: the next day is the new normal", err=as_json)
        return 0
    found = status_of_file(path)
    if as_json:
        say_json(found)
        return 0
    say(f"{name}: {found['state']}, {found['hours']:.0f} hours watched ({found['mount']})")
    for measure, one in found["measures"].items():
        say(f"{measure}: {one['value']:.2f} from the {found['reference']}, usual is at most {one['expected']:.2f}")
    return 0
