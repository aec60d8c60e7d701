"""``edgevision keys``: make and show the key pairs that sign bundles."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from edgevision.cli.options import PATH
from edgevision.cli.terminal import say


@click.group()
def keys() -> None:
    """Make, show and revoke Ed25519 keys that sign bundles."""


@keys.command()
@click.argument("file", type=PATH)
def new(file: Path) -> None:
    """Make a key pair: the private key FILE, readable only by you, and the public key FILE.pub.pem for devices."""
    from ..bundle.keys import fingerprint
    from ..bundle.keys import new as make

    public = make(file)
    say(
        f"wrote {file}: private key; back it up and keep it secret: it can sign bundles for every device that trusts it"
    )
    say(f"wrote {public}: public key for devices, {fingerprint(public)}")
    say(f"next: edgevision bundle MODEL.tflite --sign {shlex.quote(str(file))}")


@keys.command()
@click.argument("file", type=PATH)
def show(file: Path) -> None:
    """Show the fingerprint of a key; both keys of a pair have the same one."""
    from ..bundle.keys import fingerprint, is_private

    digits = fingerprint(file)
    say(f"{file}: {'private' if is_private(file) else 'public'} Ed25519 key, {digits}")


@keys.command()
@click.argument("key", metavar="FILE|FINGERPRINT")
@click.option(
    "--root",
    type=PATH,
    default=Path("/"),
    show_default=True,
    metavar="DIR",
    help="Root file system of another machine, for example a mounted SD card.",
)
def revoke(key: str, root: Path) -> None:
    """Make this device refuse all bundles signed with a key from now on, even if the key is trusted again.

    Takes a key of the pair, or its fingerprint (sha256:...) if the key is lost. The installed release stays.
    """
    from edgevision.cli.terminal import note

    from ..bundle.keys import revoke as make

    found, left = make(root, key)
    say(f"revoked {found}: the device refuses bundles signed with this key")
    if not left:
        note(
            "no trusted key is left, so the device accepts no bundle until install.pyz gets a new one with --trust KEY"
        )
