"""``edgevision deploy --inventory``: the options of a fleet, and its deployment."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from .fleet import ansible_options

if TYPE_CHECKING:
    from ..fleet.deploy import FleetOptions

F = TypeVar("F", bound=Callable[..., Any])
VAULT = ("inventory", "limit", "vault_password_file", "ask_vault_pass")
FLEET = (*VAULT, "canary", "serial", "max_failures")
"""Options that need --inventory."""
FOR_ONE = {
    "port": "set ansible_port in the inventory",
    "identity": "set ansible_ssh_private_key_file in the inventory",
    "camera": "set edgevision_camera in the inventory",
    "model_only": "a fleet gets only what each device lacks anyway",
}
"""Option of a single device -> what to do for a fleet."""
_SERIAL = re.compile(r"[1-9]\d{0,5}|(100|[1-9]\d?)%")
_SHARE = re.compile(r"(100|\d{1,2})%?")


def fleet_options(command: F) -> F:
    """Add how fast a fleet is updated."""
    for option in (
        click.option(
            "--max-failures",
            metavar="SHARE",
            help="Share of a batch that may fail without ending the deployment, such as 20%.  [default: 0%]",
        ),
        click.option(
            "--serial",
            metavar="N|SHARE",
            help="Devices in a batch after the canaries, such as 5 or 25%.  [default: 25%]",
        ),
        click.option(
            "--canary",
            type=click.IntRange(0, 1000),
            metavar="N",
            help="Devices that come first; the others follow only if all of them keep the release.  [default: 1]",
        ),
    ):
        command = option(command)
    return command


def require_no_fleet(values: Mapping[str, Any]) -> None:
    """Refuse options of a fleet for a single device. Raises UsageError."""
    given = [f"--{name.replace('_', '-')}" for name in FLEET if values[name] not in (None, False)]
    if given:
        raise click.UsageError(f"{given[0]} needs --inventory, the Ansible inventory of the devices")


def update_fleet(
    target: tuple[str, ...], fleet: dict[str, Any], rest: dict[str, Any], as_json: bool, quiet: bool
) -> int:
    """Update the devices of an inventory; return the exit code. Raises EdgeVisionError, UsageError."""
    from edgevision.cli.terminal import note, say_json, show

    from ..fleet.deploy import deploy
    from ..fleet.report import deploy_json, deploy_table

    options = _options(target, fleet, rest)
    result = deploy(options, lambda line: note(line, quiet))
    if as_json:
        say_json(deploy_json(result))
    else:
        show(deploy_table(result))
    if result.error is not None:
        raise result.error
    return 0


def _options(target: tuple[str, ...], fleet: dict[str, Any], rest: dict[str, Any]) -> FleetOptions:
    from ..fleet.deploy import FleetOptions

    if len(target) > 1:
        raise click.UsageError(f"with --inventory, only a bundle or model is expected, got {' '.join(target)!r}")
    if rest["loop"].name is not None:
        raise click.UsageError("--name is for one device; a fleet gets the loop without a name")
    for name, instead in FOR_ONE.items():
        if {**rest, **fleet}[name] not in (None, False):
            raise click.UsageError(f"--{name.replace('_', '-')} is for one device; {instead}")
    become = None
    if rest["ask_sudo_password"]:
        become = str(click.prompt("password of sudo on the devices", hide_input=True, err=True))
    vault = {name: fleet[name] for name in VAULT}
    connection = ansible_options(**vault, become_password=become, check=rest["dry_run"])
    serial, failures = fleet["serial"] or "25%", fleet["max_failures"] or "0%"
    if not _SERIAL.fullmatch(serial):
        raise click.UsageError(f"--serial: expected a number of devices or a share such as 25%, got {serial!r:.40}")
    if not _SHARE.fullmatch(failures):
        raise click.UsageError(f"--max-failures: expected a share from 0% to 100%, got {failures!r:.40}")
    return FleetOptions(
        connection,
        _variables(target, rest),
        1 if fleet["canary"] is None else fleet["canary"],
        serial,
        float(failures.removesuffix("%")),
    )


def _variables(target: tuple[str, ...], rest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of the role that were given here; all others are the inventory's."""
    ctx = click.get_current_context()
    typed = [name for name in ("frames", "time_limit") if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    found: dict[str, Any] = {f"edgevision_{name}": rest[name] for name in typed}
    if target:
        found["edgevision_source"] = str(_require(Path(target[0]), "bundle or model"))
    for name, variable in (("config", "edgevision_config"), ("sign", "edgevision_sign_key")):
        if rest[name] is not None:
            found[variable] = str(_require(rest[name], name))
    if rest["wheels"] is not None:
        found["edgevision_wheels"] = str(rest["wheels"].absolute())
    if rest["trust"]:
        found["edgevision_trust"] = [str(_require(one, "public key")) for one in rest["trust"]]
    if rest["min_fps"] is not None:
        found["edgevision_min_fps"] = rest["min_fps"]
    for name in ("full", "allow_downgrade"):
        if rest[name]:
            found[f"edgevision_{name}"] = True
    return found


def _require(path: Path, what: str) -> Path:
    from edgevision.files.atomic import require_file

    return require_file(path, what).absolute()
