"""Tests of a Debian package under a real systemd and dpkg: installed, broken, replaced by a deployment, removed, purged.

They come before those of ``edgevision deploy`` and leave the device as it was.
"""

from __future__ import annotations

import pytest

from .device import FOLDER, EmulatedDevice, until

SYSTEM = ("/etc", "/opt", "/usr", "/var")
OTHERS = ("/var/log", "/var/cache", "/var/lib/dpkg", "/var/tmp")
"""Folders that are not compared."""


@pytest.fixture(scope="module")
def before(device: EmulatedDevice) -> set[str]:
    """Everything on the device before the package came."""
    return everything(device)


@pytest.fixture(scope="module")
def packaged(device: EmulatedDevice, before: set[str]) -> EmulatedDevice:
    """The device with the model ``one`` installed by dpkg, and its package in the folder."""
    options = f"--arch x86_64 --wheels wheels --camera test: --format deb --release-number 1 -o {FOLDER}/one.deb"
    device.run(f"cd {FOLDER} && {device.edgevision} bundle one.tflite --quiet {options}")
    device.run("printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d")
    said = device.run(f"dpkg --install {FOLDER}/one.deb 2>&1")
    assert "prove: running the model's self-test" in said and "the service starts at boot" in said
    device.run("rm /usr/sbin/policy-rc.d")  # containers, which this machine may be, have one
    device.run("dpkg-reconfigure edgevision-one")
    return device


def everything(device: EmulatedDevice) -> set[str]:
    """Return the paths of all files of the system, except those of OTHERS."""
    skipped = " -o ".join(f"-path {one}" for one in OTHERS)
    return set(device.run(f"find {' '.join(SYSTEM)} -xdev \\( {skipped} \\) -prune -o -print").splitlines())


def variant(device: EmulatedDevice, number: int, change: str) -> str:
    """Make the package with a higher version after a shell line changed its files, and return its path."""
    path = f"{FOLDER}/one-{number}.deb"
    device.run(
        f"cd {FOLDER} && rm -rf x && dpkg-deb -R one.deb x && sed -i 's/^Version: 1+/Version: {number}+/' x/DEBIAN/control && "
        f"(cd x/usr/lib/edgevision && {change}) && dpkg-deb -Znone -b x {path} && rm -rf x"
    )
    return path


def running(device: EmulatedDevice) -> bool:
    """Return whether the loop runs and is ready."""
    return device.run("systemctl is-active edgevision || true").strip() == "active"


def test_package_installs_the_release_and_starts_it(packaged: EmulatedDevice) -> None:
    until("the service", lambda: running(packaged))
    state = packaged.state()
    assert state["current"].startswith("one-") and state["state"] == "confirmed"
    assert packaged.run(f"cat /opt/edgevision/releases/{state['current']}/package").strip() == "edgevision-one"
    assert packaged.run("dpkg --verify edgevision-one") == ""
    assert packaged.run("dpkg-query -W -f '${Status}' edgevision-one") == "install ok installed"


def test_broken_package_keeps_the_release_that_runs(packaged: EmulatedDevice) -> None:
    current = packaged.state()["current"]
    broken = variant(packaged, 2, "truncate -s -1000 bundle.tar.xz")
    said = packaged.run(f"dpkg --install {broken} 2>&1", 1)
    assert "edgevision install: error: " in said and "Traceback" not in said
    assert packaged.state()["current"] == current and running(packaged)
    assert packaged.run("dpkg-query -W -f '${Status}' edgevision-one") == "install ok half-configured"
    packaged.run(f"dpkg --install {variant(packaged, 3, 'true')}")
    assert packaged.run("dpkg-query -W -f '${Version}' edgevision-one").startswith("3+")
    assert packaged.state()["current"] == current and running(packaged)


def test_deployment_wins_over_the_package_until_the_package_comes_again(packaged: EmulatedDevice) -> None:
    packaged.deploy("{host} two.tflite --min-fps 0")
    assert packaged.state()["current"].startswith("two-")
    said = packaged.run("dpkg --remove edgevision-one 2>&1")
    assert "was not installed by a package and keeps running" in said
    assert running(packaged)
    packaged.run("dpkg --purge edgevision-one && test -d /var/lib/private/edgevision")
    assert running(packaged)
    packaged.run(f"dpkg --install {FOLDER}/one.deb")
    until("the service", lambda: running(packaged))
    state = packaged.state()
    assert state["current"].startswith("one-") and state["previous"].startswith("two-")


def test_package_that_is_removed_and_purged_leaves_nothing(packaged: EmulatedDevice, before: set[str]) -> None:
    packaged.run("mkdir -p /etc/edgevision/keys && touch /etc/edgevision/revoked_keys.txt")
    packaged.run("dpkg --remove edgevision-one")
    assert packaged.run("systemctl show -p LoadState --value edgevision").strip() == "not-found"
    left = everything(packaged) - before
    assert {one for one in left if "edgevision" in one} >= {"/etc/edgevision", "/var/lib/private/edgevision"}
    assert not {one for one in left if one.startswith(("/opt", "/usr", "/etc/systemd"))}
    packaged.run("dpkg --purge edgevision-one")
    assert {one for one in everything(packaged) - before if "edgevision" in one} == set()
