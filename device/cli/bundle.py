"""``edgevision bundle``: pack everything a device needs into one file, and verify such a file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.default_group import DefaultGroup
from edgevision.cli.options import PATH, json_option, overwrite_option, quiet_option
from edgevision.cli.setting_options import option_of
from edgevision.cli.terminal import say, say_json

from ..bundle.target import ARCHES, FORMS, PYTHONS, Target
from ..installer.archive.manifest import MAX_NUMBER
from ..loop.options import CAMERA

if TYPE_CHECKING:
    from ..bundle.make import Made
    from ..installer.archive.verify import Checked


@click.group(cls=DefaultGroup, default="create")
def bundle() -> None:
    """Pack a model, its configuration and all libraries for a device into one file.

    edgevision bundle MODEL is short for edgevision bundle create MODEL; see edgevision bundle create --help for its options.
    """


@bundle.command()
@click.argument("model", type=PATH)
@click.option(
    "--config", type=PATH, metavar="FILE", help="Options of the loop, written by edgevision run --save-config."
)
@option_of(CAMERA, help="Camera of the device, as in edgevision run.")
@click.option(
    "--python",
    type=click.Choice(PYTHONS),
    default=PYTHONS[0],
    show_default=True,
    help="Python version of the device: 3.11 for Raspberry Pi OS Bookworm, 3.13 for Trixie.",
)
@click.option(
    "--arch", type=click.Choice(ARCHES), default=ARCHES[0], show_default=True, help="Architecture of the device."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    default=FORMS[0],
    show_default=True,
    help="What to write: a bundle, a Debian package that installs it, or a folder that podman or docker build an image from.",
)
@click.option("--wheels", type=PATH, metavar="DIR", help="Take all libraries from this folder and download nothing.")
@click.option(
    "--wheel", type=PATH, metavar="FILE", help="edgevision's own wheel.  [default: built from the installed one]"
)
@click.option("--sign", type=PATH, metavar="KEY", help="Sign with this private key, made by edgevision keys new.")
@click.option(
    "--release-number",
    "number",
    type=click.IntRange(1, MAX_NUMBER),
    metavar="N",
    help="Number of this release, higher than that of the one before: devices that trust a key refuse lower ones, and it is "
    "the version of a Debian package. Needs --sign or --format deb.  [default: the time in seconds since 1970, or "
    "SOURCE_DATE_EPOCH]",
)
@click.option(
    "--name", metavar="NAME", help="Loop of this name, where a device has several; letters, digits and dashes."
)
@click.option("-o", "--output", type=PATH, help="[default: NAME-PYTHON-ARCH and .tar.xz, .deb or -oci]")
@json_option
@quiet_option
@overwrite_option
def create(python: str, arch: str, name: str | None, as_json: bool, quiet: bool, **rest: Any) -> None:
    """Make a bundle of MODEL. The same input always gives the same bytes; a signed one and a package also need the same number."""
    from edgevision.cli.terminal import bar, note

    from ..bundle.build import BundleOptions
    from ..bundle.make import BUDGET, make
    from ..service.places import places_of

    rest["loop"] = places_of(name).loop
    if name is not None and rest["form"] != "bundle":
        raise click.UsageError(f"--name is for bundles, not for --format {rest['form']}; leave out one of them")
    with bar("bundling", 4, quiet) as step:
        done = iter(range(1, 5))
        made = make(BundleOptions(target=Target(python, arch), **rest), lambda: step(next(done)))
    if made.form == "bundle" and made.bytes > BUDGET:
        note(
            f"the bundle has {made.bytes / 1e6:.1f} MB; more than {BUDGET / 1e6:.0f} MB may not fit on the boot partition",
            quiet,
        )
    if made.holds_password:
        note(
            "the bundle's run.toml contains a password or a token; share the bundle only with people who may know it",
            quiet,
        )
    for path in made.device_files:
        note(f"the bundle does not contain {path}, which an output reads: put it there on the device, mode 600", quiet)
    if as_json:
        say_json(_to_json(made))
        return
    _show(made)
    path = shlex.quote(str(made.path))
    budget = f" (budget {BUDGET / 1e6:.0f})" if made.form == "bundle" else ""
    say(f"wrote {path}: {made.bytes / 1e6:.1f} MB{budget}, release {made.manifest.id}")
    say("next" + _next(made, path))


@bundle.command()
@click.argument("file", type=PATH)
@click.option(
    "--key", "keys", type=PATH, multiple=True, metavar="PUB", help="Require a signature by one of these public keys."
)
@json_option
def verify(file: Path, keys: tuple[Path, ...], as_json: bool) -> None:
    """Check every file of a bundle against its manifest, as the device does before installing it."""
    from edgevision.errors import BadInput
    from edgevision.files.atomic import require_file

    from ..bundle.keys import require_public
    from ..installer.archive.verify import read
    from ..installer.base.errors import Refused

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
        more = {"bytes": found.bytes, "signed": found.signed, "signed_by": signed_by, "number": manifest.number}
        say_json({"schema": "edgevision.bundle_check/1", "path": str(file), **fields, **more})
        return
    say(
        f"{file}: {manifest.id}, Python {manifest.python} on {manifest.arch}, {len(manifest.files)} files, "
        f"{found.bytes / 1e6:.1f} MB; all files match the manifest; {_signed(found)}"
    )
    say("next, on the device: " + _install_line(file))


def _signed(found: Checked) -> str:
    if found.signed_by:
        number = found.manifest.number
        return f"signed by {found.signed_by}" + ("" if number is None else f", release number {number}")
    if found.signed:
        return "its signature was NOT checked: that needs the public key, --key PUB"
    return "not signed: anybody could have made it, and a device that trusts a key refuses it"


def _install_line(file: Path) -> str:
    name = shlex.quote(file.name)
    return f"tar xf {name} install.pyz && sudo python3 install.pyz {name}"


def _next(made: Made, path: str) -> str:
    """Return where and how what was made goes on."""
    from ..bundle.deb.control import package_name

    if made.form == "deb":
        return f", on the device: sudo apt install {path if '/' in path else f'./{path}'}"
    if made.form == "oci":
        return f": podman build -t {package_name(made.manifest)} {path}"
    key = "" if made.public_key is None else f" --key {shlex.quote(str(made.public_key))}"
    return f": edgevision bundle verify {path}{key}"


def _show(made: Made) -> None:
    from edgevision.cli.terminal import show
    from edgevision.reporting.terminal import table

    files = sorted(made.manifest.files.items(), key=lambda item: -item[1].bytes)
    rows = [(name.removeprefix("wheels/"), f"{entry.bytes / 1e6:.2f}") for name, entry in files]
    show(table(("file", ">MB"), rows))


def _to_json(made: Made) -> dict[str, Any]:
    manifest = made.manifest
    return {
        "schema": "edgevision.bundle_made/1",
        "format": made.form,
        "path": str(made.path),
        "bytes": made.bytes,
        "release": manifest.id,
        "python": manifest.python,
        "arch": manifest.arch,
        "signed": made.signed,
        "number": manifest.number,
        "files": {name: entry.bytes for name, entry in manifest.files.items()},
        "device_files": list(made.device_files),
    }
