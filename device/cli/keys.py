"""``edgevision keys``: make and show the key pairs that sign bundles."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from edgevision.cli.options import PATH


@click.group()
def keys() -> None:
    """Make and show Ed25519 keys that sign bundles."""


@keys.command()
@click.argument("file", type=PATH)
def new(file: Path) -> None:
    """Make a key pair: the private key FILE, readable only by you, and the public key FILE.pub.pem for devices."""
    from ..bundle.keys import fingerprint
    from ..bundle.keys import new as make

    public = make(file)
    click.echo(
        f"wrote {file}: private key; back it up and keep it secret: it can sign bundles for every device that trusts it"
    )
    click.echo(f"wrote {public}: public key for devices, {fingerprint(public)}")
    click.echo(f"next: edgevision bundle MODEL.tflite --sign {shlex.quote(str(file))}")


@keys.command()
@click.argument("file", type=PATH)
def show(file: Path) -> None:
    """Show the fingerprint of a key; both keys of a pair have the same one."""
    from ..bundle.keys import fingerprint, is_private

    digits = fingerprint(file)
    click.echo(f"{file}: {'private' if is_private(file) else 'public'} Ed25519 key, {digits}")
