"""``edgevision flash image``: prepare a Raspberry Pi OS image with a device's settings and a bundle."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.options import PATH, json_option, overwrite_option, quiet_option
from edgevision.cli.terminal import say, say_json

if TYPE_CHECKING:
    from ..flash.image.prepare import PreparedImage


trust_option = click.option(
    "--trust",
    type=PATH,
    multiple=True,
    metavar="PUB",
    help="Public key; the device then installs only bundles signed with one of these keys, and this bundle must be signed too.",
)
sha256_option = click.option(
    "--sha256",
    metavar="HEX",
    help="Expected SHA-256 of the downloaded OS.img.xz.  [default: read from OS.img.xz.sha256 beside it]",
)


@click.command("image")
@click.argument("system", type=PATH, metavar="OS.img[.xz]")
@click.option("--bundle", type=PATH, required=True, metavar="FILE", help="Bundle made by edgevision bundle.")
@click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    help="Settings of the device (device.toml); edgevision flash config makes this file.",
)
@click.option("-o", "--output", type=PATH, required=True, metavar="FILE", help="OS image to write.")
@trust_option
@sha256_option
@json_option
@quiet_option
@overwrite_option
def image(
    system: Path, bundle: Path, config: Path | None, output: Path, as_json: bool, quiet: bool, **rest: Any
) -> None:
    """Prepare a Raspberry Pi OS image whose first boot sets up the device and installs the bundle.

    OS.img.xz: 64-bit Raspberry Pi OS Bookworm or Trixie from raspberrypi.com; it is not changed. Needs no root.
    """
    from edgevision.cli.terminal import bar
    from edgevision.errors import UsageError

    if config is None:
        raise UsageError("--config FILE is missing; make the file with: edgevision flash config")
    from ..flash.config import read
    from ..flash.image.prepare import PrepareWish, prepare

    settings = read.read(config)
    wish = PrepareWish(system, bundle, settings, output, config_file=config, **rest)
    made = prepare(wish, lambda text, total: bar(text, total, quiet))
    if as_json:
        say_json(_to_json(made))
        return
    _show(made)
    path = shlex.quote(str(made.path))
    say(f"wrote {path}: {made.bytes / 1e6:.0f} MB, {made.boot_free_bytes / 1e6:.0f} MB free on its boot partition")
    say(f"next: edgevision flash check {path}")


def _show(made: PreparedImage) -> None:
    """Show what the device will be, without passwords or their hashes."""
    from edgevision.cli.terminal import show
    from edgevision.reporting.terminal import table

    config, system, manifest = made.config, made.system, made.manifest
    user = config.user
    ways = [f"{len(user.ssh_keys)} SSH key{'s' if len(user.ssh_keys) > 1 else ''}"] if user.ssh_keys else []
    ways += ["a password"] if user.password_hash else []
    wifi = config.wifi
    rows = [
        ("host name", config.hostname),
        ("user", f"{user.name}, logs in with {' or '.join(ways) or 'nothing (login is not possible)'}"),
        ("sudo", {"password": "with the password", "nopasswd": "without a password"}.get(user.sudo, "none")),
        ("Wi-Fi", f"{ssid(wifi.ssid)} ({wifi.security}, {config.country})" if wifi else "none"),
        ("release", manifest.id),
        ("bundles", f"only if signed with one of {made.trusted} keys" if made.trusted else "unsigned ones too"),
        ("system", f"{system.os_name}, Python {system.python}, {system.arch}"),
        ("download", f"sha256 matches {made.checked_by}" if made.checked_by else "sha256 not checked (give --sha256)"),
        ("instance", made.instance),
    ]
    show(table(("", ""), rows))


def ssid(raw: bytes) -> str:
    """Return a Wi-Fi network's name, which may be any bytes, as text."""
    return raw.decode("utf-8", "backslashreplace")


def _to_json(made: PreparedImage) -> dict[str, Any]:
    config, system = made.config, made.system
    return {
        "schema": "edgevision.image_made/1",
        "path": str(made.path),
        "bytes": made.bytes,
        "backend": system.backend,
        "os": system.os_name,
        "python": system.python,
        "arch": system.arch,
        "release": made.manifest.id,
        "instance": made.instance,
        "hostname": config.hostname,
        "user": config.user.name,
        "wifi": ssid(config.wifi.ssid) if config.wifi else None,
        "trusted_keys": made.trusted,
        "sha256_checked_by": made.checked_by,
        "boot_free_bytes": made.boot_free_bytes,
    }
