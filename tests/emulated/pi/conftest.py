"""SD cards for the emulated boards, prepared with ``flash image``, and one complete run of each."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import raspios_image

from tools.emulation import pi_bundle, pi_root
from tools.emulation.board import make_key
from tools.emulation.host import CACHE, IMAGES, say
from tools.emulation.pi_board import Pi, Rootfs, copy_card, write_card
from tools.emulation.pi_system import system_image
from tools.emulation.pi_watch import Watch

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPl3TMHjPFVNDtl2hvMgiqlX1XpbEhqBfQSMkTn1bKyl somebody's laptop"
PASSWORD = "shelf door"
HASH = "$6$edgevisiontests$/6PFUkkhAMQb0zWo18RoFzZKo5GTer6Fg0RAyIsDKegIecX01DYaCAgNKlxwYYphkvnKiCqqajuHSe.p41FMI."
"""Of the password, as ``openssl passwd -6`` prints it."""
PSK = "2d1c6a5f00b27a7e36b8a0e2d3ee54b0e3d1c1f1a55a3c9e8a2d8c4f5b6a7980"
SSID = {"bookworm": "Shop floor; 2nd", "trixie": "Shop floor"}
"""On Trixie a name that cloud-init and netplan accept, so that they are tested as well."""
SIGNED = ("trixie",)
"""Releases whose bundle must be signed; the other one accepts unsigned bundles."""
DEVICE = f"""[device]
hostname = "shelfcam-07"
timezone = "Europe/Berlin"
keyboard = "de"

[user]
name = "edge"
ssh_keys = ["@TESTER@", "{KEY}"]
password_hash = "{HASH}"
sudo = "password"

[wifi]
ssid = "@SSID@"
psk = "{PSK}"
country = "DE"

[camera]
fps = 5
roi = "0.33,0.3,0.2,0.3"

[run]
collect = "/var/lib/edgevision/collect"
summary = "/var/lib/edgevision/summary.json"

[[outputs]]
spec = "jsonl:/var/lib/edgevision/events.jsonl"
only = "events"
"""
"""The region of the driver's color bars is green with a bit of its neighbors, since images of one color are not kept."""


@dataclass(slots=True)
class Prepared:
    """Inputs for the SD cards of one release."""

    release: raspios_image.Release
    board: pi_root.Board
    image: Path
    folder: Path
    key: Path | None
    """Private key of the bundle's signature; None: it is not signed."""

    def pi(self, card: Path, name: str, ssh_port: int | None = None) -> Pi:
        """Return a board with this SD card; ``ssh_port``: see ``Pi``."""
        return Pi(self.board, card, CACHE / "logs" / f"pi-{self.release}-{name}.console", ssh_port)


@dataclass(slots=True)
class Finished:
    """An SD card after a complete run, removed from its board."""

    prepared: Prepared
    card: Path
    starts: list[str]
    before: dict[str, Path]
    """Copies of the SD card: ``first``: before our first boot; ``setup``: before the boot that installs."""
    console: str

    @property
    def root(self) -> Rootfs:
        """The root partition."""
        return Rootfs(self.card)


@pytest.fixture(scope="session", params=["trixie", "bookworm"])
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """A prepared OS image."""
    release = request.param
    folder = tmp_path_factory.mktemp(release)
    board = pi_root.prepare(release)
    tester = make_key(IMAGES / "key").with_suffix(".pub").read_text().strip()
    (folder / "device.toml").write_text(DEVICE.replace("@SSID@", SSID[release]).replace("@TESTER@", tester))
    image = folder / "prepared.img"
    key, trust = None, ()
    if release in SIGNED:
        key, trust = folder / "key.pem", ("--trust", folder / "key.pub.pem")
        pi_bundle.edgevision("keys", "new", key)
    bundle = pi_bundle.bundle(release, pi_bundle.model(folder), folder, key)
    settings = ("--bundle", bundle, "--config", folder / "device.toml", "-o", image, *trust)
    said = pi_bundle.edgevision("flash", "image", system_image(release, board), *settings, "--quiet")
    say(f"{release}: {said.splitlines()[-2].split(': ')[-1]}")
    yield Prepared(release, board, image, folder, key)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def finished(prepared: Prepared) -> Finished:
    """First boot, reboot, installation, some seconds of operation, power button."""
    card = write_card(prepared.image, prepared.folder / "card.img")
    pi = prepared.pi(card, "whole")
    before = {}
    try:
        watch = Watch(pi)
        if prepared.release == "bookworm":  # the OS's own first boot comes before ours
            pi.power_on()
            pi.wait_for_restart()
        before["first"] = copy_card(card, prepared.folder / "before-first.img")
        pi.power_on()
        pi.wait_for_restart()
        watch.look()
        before["setup"] = copy_card(card, prepared.folder / "before-setup.img")
        pi.power_on()
        watch.until()
        pi.wait_for("the installer's end", lambda: "edgevision-setup.service: Deactivated" in pi.said())
        time.sleep(20)  # of operation, so that there are predictions to read
        pi.press_power_button()
        watch.tell("switched off by its button")
    finally:
        pi.close()
    return Finished(prepared, card, pi.starts, before, pi.log.read_text(errors="replace"))
