"""``edgevision mqtt``: what a camera left on an MQTT broker."""

from __future__ import annotations

import click

from edgevision.cli.terminal import say

from ..loop.options import SETTINGS


@click.group()
def mqtt() -> None:
    """Manage what a camera left on an MQTT broker and in Home Assistant."""


@mqtt.command()
@click.argument("spec")
@click.option("--name", metavar="NAME", help="Name of the camera.  [default: the host name]")
def remove(spec: str, name: str | None) -> None:
    """Remove a camera that no longer runs: clear every message that the broker keeps of it.

    SPEC is the one of edgevision run --to: mqtt://[USER@]HOST[:PORT][/PREFIX]. Home Assistant then deletes the device
    and its entities.
    """
    from edgevision.errors import BadInput
    from edgevision.settings import checked

    from ..outputs.open import host_slug
    from ..outputs.parse import parse_spec
    from ..outputs.registry import require_libraries

    config = parse_spec(spec)
    if config.kind not in ("mqtt", "mqtts"):
        raise BadInput(f"expected a spec that begins with mqtt:// or mqtts://, got {config.kind}:")
    require_libraries(config)
    from ..outputs.mqtt.removal import remove_camera

    chosen = host_slug() if name is None else checked(SETTINGS["camera_name"], name)
    removed = remove_camera(config, chosen)
    if removed.topics:
        say(f"removed {removed.base} from {removed.broker}: {len(removed.topics)} topics")
    else:
        say(f"nothing to remove: {removed.broker} keeps no message of {removed.base}")
