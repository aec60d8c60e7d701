"""``edgevision bundle MODEL``: everything a device needs, in one file; ``bundle verify FILE`` checks one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.commands.options import PATH, json_option, overwrite_option, quiet_option

from ..provision.target import ARCHES, PYTHONS, Target

if TYPE_CHECKING:
    from ..provision.bundle import Made
    from ..provision.onboard.reading import Checked


class BundleGroup(click.Group):
    """``bundle MODEL`` is ``bundle create MODEL``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What is no sub-command and no --help belongs to create."""
        known = {*self.commands, *ctx.help_option_names}
        if not args or args[0] not in known:
            args = ["create", *args]
        return super().parse_args(ctx, args)


@click.group(cls=BundleGroup)
def bundle() -> None:
    """Pack a model, its configuration and all libraries for a device into one file.

    edgevision bundle MODEL is short for edgevision bundle create MODEL; its options: edgevision bundle create --help
    """


@bundle.command()
@click.argument("model", type=PATH)
@click.option(
    "--config", type=PATH, metavar="FILE", help="Options of the loop, as edgevision run --save-config has them."
)
@click.option("--camera", metavar="SPEC", help="As for edgevision run on the device.  [default: 0]")
@click.option(
    "--python",
    type=click.Choice(PYTHONS),
    default=PYTHONS[0],
    show_default=True,
    help="Of the device: 3.11 is Raspberry Pi OS Bookworm, 3.13 is Trixie.",
)
@click.option("--arch", type=click.Choice(ARCHES), default=ARCHES[0], show_default=True, help="Of the device.")
@click.option("--wheels", type=PATH, metavar="DIR", help="Take all libraries from this folder; nothing is downloaded.")
@click.option("--wheel", type=PATH, metavar="FILE", help="edgevision's own wheel.  [default: what runs here]")
@click.option("--sign", type=PATH, metavar="KEY", help="Sign with this private key of edgevision keys new.")
@click.option("-o", "--output", type=PATH, help="[default: NAME-PYTHON-ARCH.tar.xz]")
@json_option
@quiet_option
@overwrite_option
def create(python: str, arch: str, as_json: bool, quiet: bool, **rest: Any) -> None:
    """Make a bundle of MODEL: the same input gives the same bytes."""
    from edgevision.runs import dump
    from edgevision.terminal import bar, note

    from ..provision.bundle import BUDGET, Wish, make

    with bar("bundling", 4, quiet) as step:
        done = iter(range(1, 5))
        made = make(Wish(target=Target(python, arch), **rest), lambda: step(next(done)))
    if made.bytes > BUDGET:
        note(f"{made.bytes / 1e6:.1f} MB is more than the {BUDGET / 1e6:.0f} MB that surely fit on a card", quiet)
    if made.holds_password:
        note("its run.toml holds the password of a camera: give the bundle to nobody who must not have it", quiet)
    if as_json:
        click.echo(dump(_to_json(made)))
        return
    _show(made)
    path = shlex.quote(str(made.path))
    click.echo(f"wrote {path}: {made.bytes / 1e6:.1f} MB (budget {BUDGET / 1e6:.0f}), release {made.manifest.id}")
    click.echo(f"next: edgevision bundle verify {path}")


@bundle.command()
@click.argument("file", type=PATH)
@click.option(
    "--key", "keys", type=PATH, multiple=True, metavar="PUB", help="It must be signed with one of these keys."
)
@json_option
def verify(file: Path, keys: tuple[Path, ...], as_json: bool) -> None:
    """Check every file of a bundle against its manifest, as the device does before it installs."""
    from edgevision.errors import BadInput
    from edgevision.files import require_file
    from edgevision.runs import dump

    from ..provision.keys import require_public
    from ..provision.onboard.packed import Refused
    from ..provision.onboard.reading import read

    require_file(file, "bundle")
    for key in keys:
        require_public(key)
    try:
        found = read(file, keys)
    except Refused as error:
        raise BadInput(f"{file}: {error}") from None
    manifest = found.manifest
    if as_json:
        signed_by = None if found.signed_by is None else str(found.signed_by)
        fields = {
            "release": manifest.id,
            "python": manifest.python,
            "arch": manifest.arch,
            "files": len(manifest.files),
        }
        more = {"bytes": found.bytes, "signed": found.signed, "signed_by": signed_by}
        click.echo(dump({"schema": "edgevision.bundle_check/1", "path": str(file), **fields, **more}))
        return
    click.echo(
        f"{file}: {manifest.id}, Python {manifest.python} on {manifest.arch}, {len(manifest.files)} files, "
        f"{found.bytes / 1e6:.1f} MB; every file is as its manifest says; {_signed(found)}"
    )
    click.echo("next, on the device: " + _install_line(file))


def _signed(found: Checked) -> str:
    if found.signed_by:
        return f"signed by {found.signed_by}"
    return "signed, not asked by whom" if found.signed else "not signed"


def _install_line(file: Path) -> str:
    name = shlex.quote(file.name)
    return f"tar xf {name} install.pyz && sudo python3 install.pyz {name}"


def _show(made: Made) -> None:
    from edgevision.terminal import show, table

    files = sorted(made.manifest.files.items(), key=lambda item: -item[1].bytes)
    rows = [(name.removeprefix("wheels/"), f"{entry.bytes / 1e6:.2f}") for name, entry in files]
    show(table(("file", ">MB"), rows))


def _to_json(made: Made) -> dict[str, Any]:
    manifest = made.manifest
    return {
        "schema": "edgevision.bundle_made/1",
        "path": str(made.path),
        "bytes": made.bytes,
        "release": manifest.id,
        "python": manifest.python,
        "arch": manifest.arch,
        "signed": made.signed,
        "files": {name: entry.bytes for name, entry in manifest.files.items()},
    }
