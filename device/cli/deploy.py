"""``edgevision deploy``: update a device over SSH, and look after its releases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgevision.cli.default_group import DefaultGroup
from edgevision.cli.options import PATH, json_option, quiet_option
from edgevision.cli.setting_options import option_of
from edgevision.cli.terminal import say, say_json

from ..loop.options import CAMERA
from .deploy_fleet import FLEET, fleet_options, require_no_fleet, update_fleet
from .fleet import inventory_options

if TYPE_CHECKING:
    from ..deploy.device_info import Installed
    from ..deploy.ssh import Device
    from ..installer.base.loop import Loop

F = TypeVar("F", bound=Callable[..., Any])


def ssh_options(command: F) -> F:
    """Add the options of ssh."""
    for decorate in (
        click.option("--identity", type=PATH, metavar="FILE", help="Private key for ssh.  [default: as ssh chooses]"),
        click.option("--port", type=click.IntRange(1, 65535), help="Port of ssh.  [default: as ssh chooses]"),
    ):
        command = decorate(command)
    return command


def connection_options(command: F) -> F:
    """Add the host and the options of ssh."""
    return click.argument("host", metavar="USER@HOST")(ssh_options(command))


def name_option(command: F) -> F:
    """Add the loop of the device; the command gets it as ``loop``."""
    return click.option(
        "--name",
        "loop",
        metavar="NAME",
        callback=_loop,
        help="Loop of this name, where a device has several; letters, digits and dashes.",
    )(command)


def _loop(_: click.Context, __: click.Parameter, name: str | None) -> Loop:
    from ..service.places import places_of

    return places_of(name).loop


password_option = click.option(
    "--ask-sudo-password", is_flag=True, help="Ask for the password of sudo on the device; it is sent over SSH only."
)


@click.group(cls=DefaultGroup, default="update")
def deploy() -> None:
    """Update a device over SSH; a release that does not work is taken back by the device itself.

    edgevision deploy USER@HOST FILE is short for edgevision deploy update USER@HOST FILE; see edgevision deploy update --help
    for its options.
    """


@deploy.command()
@ssh_options
@click.argument("target", nargs=-1, metavar="USER@HOST BUNDLE|MODEL")
@inventory_options(required=False)
@fleet_options
@name_option
@click.option(
    "--dry-run", is_flag=True, help="Check the device and show what would be sent, without changing anything."
)
@click.option(
    "--model-only", is_flag=True, help="Replace the model alone, or refuse.  [default: where that is possible]"
)
@click.option("--full", is_flag=True, help="Send everything: with a model, also this edgevision and its libraries.")
@option_of(CAMERA, help="Camera of the device, as in edgevision run; for a model and a first installation.")
@click.option(
    "--config", type=PATH, metavar="FILE", help="Options of the loop, written by edgevision run --save-config."
)
@click.option("--wheels", type=PATH, metavar="DIR", help="Take all libraries from this folder and download nothing.")
@click.option("--sign", type=PATH, metavar="KEY", help="Sign with this private key, made by edgevision keys new.")
@click.option(
    "--trust", type=PATH, multiple=True, metavar="PUB", help="Make the device trust this public key from now on."
)
@click.option(
    "--allow-downgrade", is_flag=True, help="Sign an older bundle again, with --sign, so that the device accepts it."
)
@click.option(
    "--frames",
    type=click.IntRange(1, 10**6),
    default=20,
    show_default=True,
    help="Frames that the new release must recognize.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(1, 3600),
    default=180.0,
    show_default=True,
    help="Seconds that it has for them.",
)
@click.option(
    "--min-fps", type=click.FloatRange(0, 1000), help="Lowest frame rate to accept.  [default: 80 % of the rate before]"
)
@password_option
@json_option
@quiet_option
def update(
    target: tuple[str, ...], port: int | None, identity: Path | None, as_json: bool, quiet: bool, **rest: Any
) -> int:
    """Install a bundle or a model on a device and keep it if it works.

    The new release is installed beside the current one and has to recognize frames before it is kept; otherwise the device
    goes back by itself. Exit code 4: the device went back. 5: the device cannot be reached.

    With --inventory, the devices of an Ansible inventory get it, canaries first: edgevision deploy --inventory FILE
    [BUNDLE|MODEL]. Without a file, each gets the edgevision_source of the inventory.
    """
    fleet = {name: rest.pop(name) for name in FLEET}
    if fleet["inventory"] is not None:
        return update_fleet(target, {**fleet, "identity": identity, "port": port}, rest, as_json, quiet)
    require_no_fleet(fleet)
    if len(target) != 2:
        raise click.UsageError(f"expected USER@HOST and a bundle or model, got {' '.join(target) or 'nothing'!r}")
    return _update_one(target[0], port, identity, as_json, quiet, file=Path(target[1]), **rest)


def _update_one(host: str, port: int | None, identity: Path | None, as_json: bool, quiet: bool, **rest: Any) -> int:
    """Update one device and return the exit code."""
    from edgevision.cli.terminal import bytes_bar, note, show
    from edgevision.errors import EdgeVisionError, GateNotMet, RolledBack

    from ..deploy.deploy import deploy as carry_out
    from ..deploy.deploy import plan
    from ..deploy.report import Steps, checks_table, describe, plan_json

    dry_run, loop, options = rest.pop("dry_run"), rest["loop"], _options(**rest)
    with _connected(host, port, identity) as device:
        wish = plan(device, options)
        if not as_json and not quiet:
            show(checks_table(wish.checks))
        if wish.failed and not dry_run:
            one = wish.failed[0]
            raise GateNotMet(f"{host} is not ready: {one.name}: {one.found}; {one.fix}")
        if dry_run:
            if as_json:
                say_json(plan_json(host, wish))
            else:
                say("nothing was changed: " + describe(wish))
            return 3 if wish.failed else 0
        with bytes_bar(quiet or as_json) as bar:
            done = carry_out(device, wish, options, Steps(lambda text: note(text, quiet), bar))
    if as_json:
        say_json(done.to_json())
    elif done.kept:
        say(done.describe())
        if done.note:
            say(f"note: {done.note}")
        say(f"next: edgevision deploy status {host}{loop.option}")
    if not done.kept:
        for line in () if as_json else done.log:
            note(f"  {line}")
        raise EdgeVisionError(done.describe()) if done.state == "refused" else RolledBack(done.describe())
    return 0


@deploy.command()
@connection_options
@name_option
@json_option
def status(host: str, port: int | None, identity: Path | None, loop: Loop, as_json: bool) -> int:
    """Show the release of a device, since when, and what happened to it; of all loops where there are several.

    Exit code 3: a service is not running.
    """
    from ..deploy.report import all_lines, status_json, status_lines

    with _connected(host, port, identity) as device:
        found = _installed(device, loop)
        others = {one: _installed(device, one) for one in _others(found, loop)}
    shown = {loop: found} | others if found.current is not None or not others else others
    if as_json:
        say_json(status_json(host, found, loop, others))
    else:
        for line in all_lines(shown) if others else status_lines(found):
            say(line)
    return 0 if all(one.active for one in shown.values()) else 3


@deploy.command()
@connection_options
@name_option
@json_option
def releases(host: str, port: int | None, identity: Path | None, loop: Loop, as_json: bool) -> None:
    """List the releases on a device, of all loops; those that a loop has now or can go back to are marked."""
    from edgevision.cli.terminal import show

    from ..deploy.report import releases_table, status_json

    with _connected(host, port, identity) as device:
        found = _installed(device, loop)
    if as_json:
        say_json(status_json(host, found, loop))
    else:
        show(releases_table(found))


@deploy.command()
@connection_options
@click.option(
    "--lines", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Number of lines to show."
)
@click.option("--follow", "-f", is_flag=True, help="Keep showing new lines until Ctrl-C.")
@name_option
def logs(host: str, port: int | None, identity: Path | None, lines: int, follow: bool, loop: Loop) -> int:
    """Show the journal of a device's service; without --name, of all loops."""
    from ..deploy.commands import journal

    with _connected(host, port, identity) as device:
        return device.attach(journal(lines, follow, None if loop.name is None else loop))


@deploy.command()
@connection_options
@name_option
def doctor(host: str, port: int | None, identity: Path | None, loop: Loop) -> int:
    """Check a device with edgevision doctor, with the libraries of its current release."""
    from ..deploy.commands import doctor as command

    with _connected(host, port, identity) as device:
        return device.attach(command(loop))


@deploy.command()
@connection_options
@name_option
@password_option
def rollback(host: str, port: int | None, identity: Path | None, loop: Loop, ask_sudo_password: bool) -> None:
    """Go back to the previous release."""
    answer = _request(host, port, identity, loop, "rollback", ask_sudo_password)
    say(f"{answer['release']['from']} runs again; {answer['release']['to']} was taken back")


@deploy.command()
@connection_options
@name_option
@password_option
def stop(host: str, port: int | None, identity: Path | None, loop: Loop, ask_sudo_password: bool) -> None:
    """Stop the service; it does not start at boot."""
    _request(host, port, identity, loop, "stop", ask_sudo_password)
    say(f"stopped; to start it: edgevision deploy start {host}{loop.option}")


@deploy.command()
@connection_options
@name_option
@password_option
def start(host: str, port: int | None, identity: Path | None, loop: Loop, ask_sudo_password: bool) -> None:
    """Start the service, also one that was stopped because no release worked."""
    _request(host, port, identity, loop, "start", ask_sudo_password)
    say(f"started: the first frame was recognized; next: edgevision deploy status {host}{loop.option}")


@deploy.command()
@connection_options
@name_option
@password_option
def prune(host: str, port: int | None, identity: Path | None, loop: Loop, ask_sudo_password: bool) -> None:
    """Remove the previous release to make room; a rollback is impossible until the next update."""
    removed = _request(host, port, identity, loop, "prune", ask_sudo_password)["removed"]
    say(f"removed {', '.join(removed)}" if removed else "there was nothing to remove")


@deploy.command()
@connection_options
@password_option
def allow(host: str, port: int | None, identity: Path | None, ask_sudo_password: bool) -> None:
    """Let this user deploy without a password for sudo: one line in /etc/sudoers.d, which is shown."""
    from ..deploy.deploy import device_user

    with _connected(host, port, identity) as device:
        answer = _ask(device, {"verb": "allow", "user": device_user(device)}, ask_sudo_password)
    say(f"wrote {answer['file']}:")
    say(f"  {answer['line']}")


def _request(host: str, port: int | None, identity: Path | None, loop: Loop, verb: str, ask: bool) -> dict[str, Any]:
    with _connected(host, port, identity) as device:
        return _ask(device, {"verb": verb, "loop": loop.name}, ask)


def _ask(device: Device, request: dict[str, Any], ask: bool) -> dict[str, Any]:
    from ..deploy.deploy import request as send

    return send(device, request, _password(ask))


def _installed(device: Device, loop: Loop) -> Installed:
    from ..deploy.deploy import look

    return look(device, loop)


def _others(found: Installed, asked: Loop) -> list[Loop]:
    """Return the loops with names, if none was asked for."""
    from ..installer.base.loop import Loop

    return [Loop(name) for name in found.loops] if asked.name is None else []


def _password(ask: bool) -> str | None:
    return str(click.prompt("password of sudo on the device", hide_input=True, err=True)) if ask else None


def _options(
    file: Path, frames: int, time_limit: float, min_fps: float | None, ask_sudo_password: bool, **rest: Any
) -> Any:
    from ..deploy.deploy import DeployOptions
    from ..deploy.package import PackageOptions

    trust = rest.pop("trust")
    return DeployOptions(
        PackageOptions(file, **rest),
        frames,
        time_limit,
        min_fps,
        trust=trust,
        password=_password(ask_sudo_password),
    )


@contextmanager
def _connected(host: str, port: int | None, identity: Path | None) -> Iterator[Device]:
    from ..deploy.ssh import connect

    with connect(host, port, identity) as device:
        yield device
