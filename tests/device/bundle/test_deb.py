"""Tests of ``edgevision bundle --format deb``: Debian's own dpkg reads, installs, upgrades and removes the package."""

from __future__ import annotations

import io
import os
import platform
import shutil
import subprocess
import tarfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from edgevision.device.bundle import installer_pyz
from edgevision.device.bundle.deb.archive import DebFile, archive
from edgevision.device.bundle.deb.control import ARCHITECTURES, maintainer, package_name, package_version
from edgevision.device.bundle.deb.package import package
from edgevision.device.installer.archive.verify import read
from hypothesis import given, settings
from hypothesis import strategies as st
from prepared_card import PYTHON, installable

from edgevision.errors import BadInput

PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
SCRIPTS = Path(__file__).parents[3] / "device/bundle/deb"
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg", path=PATH) is None, reason="dpkg is not installed")


def deb(bundle: Path, path: Path, number: int = 1, secret: bool = False, cut: int = 0) -> Path:
    """Write the package of a bundle; ``cut``: number of bytes that are missing at the end of the bundle."""
    manifest, data = read(bundle).manifest, bundle.read_bytes()
    made = package(
        data[: len(data) - cut],
        manifest,
        installer_pyz.pyz(),
        number,
        signed=False,
        secret=secret,
        environment={"DEBFULLNAME": "Ada", "DEBEMAIL": "ada@example.org"},
    )
    path.write_bytes(made)
    return path


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two bundles for this machine that install within a second."""
    folder = tmp_path_factory.mktemp("bundles")
    return installable(folder / "a.tar.xz"), installable(folder / "b.tar.xz", model=b"another\n" * 500)


def run(*command: object, code: int = 0) -> str:
    environment = {**os.environ, "PATH": PATH, "LC_ALL": "C"}
    done = subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


class Root:
    """A root file system in which dpkg installs as an ordinary user."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"):
            (root / folder).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()
        (root / "etc/group").write_text("root:x:0:\nvideo:x:44:\n")

    def dpkg(self, *arguments: object, code: int = 0) -> str:
        """Run dpkg; the root has none of the packages that ours depends on."""
        free = "--force-not-root,depends,script-chrootless,bad-path"
        return run("dpkg", f"--root={self.root}", "--log=/dev/null", free, *arguments, code=code)

    @property
    def current(self) -> str:
        """Name of the current release; empty if there is none."""
        link = self.root / "opt/edgevision/current"
        return link.readlink().name if link.is_symlink() else ""

    def files(self) -> list[str]:
        """Return all that is not dpkg's or was there before."""
        found = (path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if not path.is_dir())
        return sorted(one for one in found if not one.startswith("var/lib/dpkg") and one != "etc/group")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    if shutil.which("/usr/bin/python3") is None or PYTHON not in run(
        "/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"
    ):
        pytest.skip(f"the system's Python is not {PYTHON}")
    return Root(tmp_path / "root")


@needs_dpkg
def test_package_is_what_dpkg_expects(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    bundle = bundles[0]
    path = deb(bundle, tmp_path / "a.deb", 1764504000)
    fields = dict(
        line.split(": ", 1) for line in run("dpkg-deb", "--field", path).splitlines() if not line.startswith(" ")
    )
    release = read(bundle).manifest.id
    assert fields["Package"] == "edgevision-default" and fields["Version"] == f"1764504000+{release[-12:]}"
    assert fields["Architecture"] == ARCHITECTURES[platform.machine()]
    assert fields["Maintainer"] == "Ada <ada@example.org>"
    assert f"python3 (>= {PYTHON}), python3 (<< 3." in fields["Depends"] and "openssl" not in fields["Depends"]
    listed = run("dpkg-deb", "--contents", path).splitlines()
    assert all(line.split()[1] == "root/root" for line in listed)
    assert [line.split()[-1] for line in listed if line.startswith("d")][:3] == ["./", "./usr/", "./usr/lib/"]
    run("dpkg-deb", "--extract", path, tmp_path / "x")
    assert (tmp_path / "x/usr/lib/edgevision/bundle.tar.xz").read_bytes() == bundle.read_bytes()
    assert deb(bundle, tmp_path / "again.deb", 1764504000).read_bytes() == path.read_bytes()


@needs_dpkg
def test_bundle_with_a_password_is_for_root_only(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    listed = run("dpkg-deb", "--contents", deb(bundles[0], tmp_path / "a.deb", secret=True))
    assert [line.split()[0] for line in listed.splitlines() if "bundle.tar.xz" in line] == ["-rw-------"]


@needs_dpkg
def test_version_grows_with_the_number(bundles: tuple[Path, Path]) -> None:
    manifests = [read(one).manifest for one in bundles]
    versions = [package_version(manifests[0], 7), package_version(manifests[1], 8), package_version(manifests[0], 10)]
    for lower, higher in pairwise(versions):
        run("dpkg", "--compare-versions", lower, "lt", higher)


@needs_dpkg
def test_package_is_installed_upgraded_removed_and_purged(
    root: Root, bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    first, second = (read(one).manifest.id for one in bundles)
    said = root.dpkg("--install", deb(bundles[0], tmp_path / "1.deb", 1))
    assert root.current == first and "switch: making" in said
    root.dpkg("--install", deb(bundles[1], tmp_path / "2.deb", 2))
    assert root.current == second and (root.root / "opt/edgevision/releases" / first).is_dir()
    (root.root / "etc/edgevision").mkdir()
    (root.root / "etc/edgevision/run.toml").touch()
    root.dpkg("--remove", "edgevision-default")
    assert root.files() == ["etc/edgevision/run.toml"]
    root.dpkg("--purge", "edgevision-default")
    assert root.files() == [] and not (root.root / "opt/edgevision").exists()


@needs_dpkg
def test_broken_package_keeps_the_release_and_is_replaced(
    root: Root, bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    root.dpkg("--install", deb(bundles[0], tmp_path / "1.deb", 1))
    before = root.current
    said = root.dpkg("--install", deb(bundles[1], tmp_path / "2.deb", 2, cut=100), code=1)
    assert "edgevision install: error: " in said
    assert root.current == before
    root.dpkg("--install", deb(bundles[1], tmp_path / "3.deb", 3))
    assert root.current == read(bundles[1]).manifest.id


@needs_dpkg
def test_release_of_another_installation_survives_the_package(
    root: Root, bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    root.dpkg("--install", deb(bundles[0], tmp_path / "1.deb", 1))
    pyz = tmp_path / "install.pyz"
    pyz.write_bytes(installer_pyz.pyz())
    run("/usr/bin/python3", "-I", pyz, "--root", root.root, bundles[1])
    other = root.root / "etc/systemd/system/edgevision@door.service"
    other.write_text("[Service]\nExecStart=/opt/edgevision/current/venv/bin/python -m edgevision run\n")
    said = root.dpkg("--remove", "edgevision-default")
    assert "was not installed by a package and keeps running; to remove it too, run: sudo python3" in said
    root.dpkg("--purge", "edgevision-default")
    assert root.current == read(bundles[1]).manifest.id
    said = run("/usr/bin/python3", "-I", pyz, "--root", root.root, "--remove", code=1)
    assert "edgevision@door runs from /opt/edgevision; first: sudo edgevision service uninstall --name door" in said
    other.unlink()
    run("/usr/bin/python3", "-I", pyz, "--root", root.root, "--remove")
    assert root.files() == []


def test_maintainer_is_one_line_with_an_address() -> None:
    assert maintainer({}) == "edgevision bundle <root@localhost>"
    for name, mail in (("A\nPackage: x", "a@b.c"), ("A <x>", "a@b.c"), ("A", "a"), ("A", "a@b.c\nX: y")):
        with pytest.raises(BadInput, match=r"DEB(FULLNAME|EMAIL): expected"):
            maintainer({"DEBFULLNAME": name, "DEBEMAIL": mail})


def test_names_of_models_become_names_of_packages(bundles: tuple[Path, Path]) -> None:
    manifest = replace(read(bundles[0]).manifest, id="my_model.v2-0123456789ab")
    assert package_name(manifest) == "edgevision-my-model.v2"


@needs_dpkg
@settings(max_examples=20, deadline=None)  # each starts a process
@given(st.dictionaries(st.from_regex(r"/[a-z]{1,8}(/[a-z]{1,8}){0,2}/[a-z]{1,8}\.x", fullmatch=True), st.binary()))
def test_dpkg_reads_back_what_was_written(files: dict[str, bytes]) -> None:
    control = b"Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x.x>\nDescription: x\n"
    made = archive({"control": DebFile(control)}, {name: DebFile(data) for name, data in files.items()})
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", "/dev/stdin"], input=made, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(tar.stdout)) as found:
        read_back = {one.name: found.extractfile(one).read() for one in found if one.isfile()}  # type: ignore[union-attr]
    assert read_back == {f".{name}": data for name, data in files.items()}


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_maintainer_scripts_pass_shellcheck() -> None:
    run("shellcheck", *sorted(SCRIPTS.glob("*.sh")))
