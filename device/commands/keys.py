"""``edgevision keys``: the pair that bundles are signed with and that devices ask for."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from edgevision.commands.options import PATH


@click.group()
def keys() -> None:
    """Make and show the Ed25519 keys that bundles are signed with."""


@keys.command()
@click.argument("file", type=PATH)
def new(file: Path) -> None:
    """Make a pair: FILE, the private key, for you alone, and FILE.pub.pem beside it, for devices."""
    from ..provision.keys import fingerprint
    from ..provision.keys import new as make

    public = make(file)
    click.echo(
        f"wrote {file}: private; who has it can sign for all devices that trust it, so keep it, and keep it secret"
    )
    click.echo(f"wrote {public}: public, for devices; {fingerprint(public)}")
    click.echo(f"next: edgevision bundle MODEL.tflite --sign {shlex.quote(str(file))}")


@keys.command()
@click.argument("file", type=PATH)
def show(file: Path) -> None:
    """Show which pair a key belongs to; both halves have the same digits."""
    from ..provision.keys import fingerprint, is_private

    digits = fingerprint(file)
    click.echo(f"{file}: {'private' if is_private(file) else 'public'} Ed25519 key, {digits}")
