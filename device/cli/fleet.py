"""``edgevision fleet``: the devices of an Ansible inventory, and the Ansible role that updates them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgevision.cli.options import PATH, json_option
from edgevision.cli.terminal import say, say_json

if TYPE_CHECKING:
    from ..fleet.ansible import AnsibleOptions

F = TypeVar("F", bound=Callable[..., Any])


def inventory_options(required: bool) -> Callable[[F], F]:
    """Add the inventory and how Ansible opens it."""

    def decorate(command: F) -> F:
        for option in (
            click.option("--ask-vault-pass", is_flag=True, help="Ask for the password of ansible-vault."),
            click.option(
                "--vault-password-file", type=PATH, metavar="FILE", help="File with the password of ansible-vault."
            ),
            click.option("--limit", metavar="PATTERN", help="Hosts or groups of the inventory.  [default: all]"),
            click.option(
                "--inventory",
                type=PATH,
                required=required,
                metavar="FILE",
                help="Ansible inventory of the devices, such as hosts.ini or hosts.yml.",
            ),
        ):
            command = option(command)
        return command

    return decorate


def ansible_options(
    inventory: Path, limit: str | None, vault_password_file: Path | None, ask_vault_pass: bool, **more: Any
) -> AnsibleOptions:
    """Return the options of Ansible, asking for the password of the vault if wanted. Raises UsageError."""
    from edgevision.errors import UsageError

    from ..fleet.ansible import AnsibleOptions

    if vault_password_file is not None and ask_vault_pass:
        raise UsageError("both --vault-password-file and --ask-vault-pass are given; keep only one of them")
    password = str(click.prompt("password of ansible-vault", hide_input=True, err=True)) if ask_vault_pass else None
    return AnsibleOptions(inventory, limit, vault_password_file=vault_password_file, vault_password=password, **more)


@click.group()
def fleet() -> None:
    """Look after the devices of an Ansible inventory; to update them: edgevision deploy --inventory."""


@fleet.command()
@inventory_options(required=True)
@click.option(
    "--prometheus",
    type=PATH,
    metavar="FILE",
    help="Write the devices with metrics to a file for Prometheus (file_sd_config), replacing the one before.",
)
@json_option
def status(prometheus: Path | None, as_json: bool, **values: Any) -> int:
    """Show release, model, rate, temperature, drift and last event of each device.

    Exit code 3: a service is not running. 5: a device cannot be reached, or not be asked.
    """
    from edgevision.cli.terminal import note, show

    from ..fleet.prometheus import write_targets
    from ..fleet.report import status_json, status_table
    from ..fleet.status import status as ask

    found = ask(ansible_options(**values))
    if as_json:
        say_json(status_json(found))
    else:
        show(status_table(found))
    if prometheus is not None:
        without = write_targets(found, prometheus, partial=values["limit"] is not None)
        if without:
            note(
                f"not in {prometheus}: {', '.join(without)}; they have no --to metrics:HOST:PORT that others can reach"
            )
    return found.exit_code


@fleet.command()
@click.option(
    "--export",
    type=PATH,
    required=True,
    metavar="DIR",
    help="Write the role to DIR/edgevision, for your own playbooks.",
)
def role(export: Path) -> None:
    """Write the Ansible role that edgevision deploy --inventory uses."""
    from ..fleet.role_files import export as write

    target = write(export)
    say(f"wrote {target}; how to use it: {target / 'README.md'}")


@fleet.command(hidden=True)
def package() -> None:
    """Make what one device gets: used by the role, one JSON object on standard input, one on standard output."""
    from ..fleet.package_for import MAX_REQUEST, answer

    say_json(answer(sys.stdin.buffer.read(MAX_REQUEST + 1)))
