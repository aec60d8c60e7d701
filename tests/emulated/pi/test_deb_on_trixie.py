"""A Debian package of a bundle in a root of Debian 13 arm64: real dpkg, Python and libraries, under qemu-user."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.emulation import pi_bundle, user_mode
from tools.emulation.host import CACHE
from tools.emulation.namespace import mount

from .conftest import Prepared

PATIENCE_S = 1800.0


class Root:
    """A copy-on-write view of the board's root, without a running system."""

    def __init__(self, folder: Path, before: list[str]) -> None:
        self.folder, self._before = folder, before

    def run(self, *command: str) -> str:
        """Run a command in the root and return what it says."""
        # With all of QEMU's features (max), LiteRT's kernels compute wrong results.
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "QEMU_CPU": "cortex-a72"}
        done = subprocess.run(
            [*self._before, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, f"exit {done.returncode}: {' '.join(command)}\n{done.stdout}"
        return done.stdout

    def files(self) -> set[str]:
        """Return the paths of everything that a package could leave behind."""
        folders = [self.folder / name for name in ("etc", "opt", "usr", "var/lib")]
        found = {str(path) for folder in folders for path in folder.rglob("*") if path.is_file() or path.is_symlink()}
        return {path for path in found if "/var/lib/dpkg/" not in path}


@pytest.fixture
def root(prepared: Prepared) -> Iterator[Root]:
    folders = [prepared.folder / "deb" / name for name in ("upper", "work", "root")]
    for one in folders:
        one.mkdir(parents=True)
    upper, work, folder = folders
    mount("-t", "overlay", "-o", f"lowerdir={prepared.board.root},upperdir={upper},workdir={work}", "overlay", folder)
    try:
        yield Root(folder, user_mode.prepare(folder))
    finally:
        subprocess.run(["umount", "--recursive", "--lazy", str(folder)], check=False)


@pytest.mark.parametrize("prepared", ["trixie"], indirect=True, scope="session")
def test_package_is_installed_and_removed_on_arm64(prepared: Prepared, root: Root) -> None:
    before = root.files()
    package = root.folder / "tmp" / "colors.deb"
    options = ("--format", "deb", "--python", "3.13", "--camera", "test:", "--wheels", CACHE / "wheels" / "pi-3.13")
    pi_bundle.edgevision("bundle", prepared.folder / "colors.tflite", *options, "--quiet", "-o", package)
    said = root.run("dpkg", "--install", "/tmp/colors.deb")
    assert "prove: running the model's self-test" in said and "the service starts at boot" in said
    shown = root.run("dpkg-query", "--show", "--showformat=${Status} ${Architecture}", "edgevision-colors")
    assert shown == "install ok installed arm64"
    assert (root.folder / "etc/systemd/system/multi-user.target.wants/edgevision.service").is_symlink()
    release = "/opt/edgevision/current"
    frames = root.run(
        f"{release}/venv/bin/python", "-I", "-m", "edgevision", "run", "--config", f"{release}/run.toml", "--limit", "3"
    )
    assert "green" in frames
    root.run("dpkg", "--purge", "edgevision-colors")
    assert {one for one in root.files() - before if "edgevision" in one} == set()
