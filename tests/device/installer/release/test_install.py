"""Tests of installing a bundle again, repairing a damaged release, and refusing older bundles."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from edgevision.device.bundle import keys
from edgevision.device.installer.archive import trusted_keys
from edgevision.device.installer.base.errors import Refused
from edgevision.device.installer.base.status import Status
from edgevision.device.installer.release import newest, release_files
from edgevision.device.installer.release.install import Installed, InstallOptions, install
from prepared_card import installable

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installable(tmp_path_factory.mktemp("bundle") / "b.tar.xz")


def run(bundle: Path, root: Path, trust: tuple[Path, ...] = (), allow_older: bool = False) -> Installed:
    root.mkdir(exist_ok=True)
    return install(InstallOptions(bundle, root, trust, allow_older=allow_older), Status(None))


def _spoil_model(release: Path) -> None:
    (release / "model.tflite").write_bytes(b"x" * 4000)


def _remove_environment(release: Path) -> None:
    shutil.rmtree(release / "venv")


def _spoil_library(release: Path) -> None:
    next((release / "venv/lib").glob("python*/site-packages/edgevision/__init__.py")).write_text("boom(")


def _retarget_python(release: Path) -> None:
    (release / "venv/bin/python").unlink()
    (release / "venv/bin/python").symlink_to("/nonexistent")


def _empty_record(release: Path) -> None:
    (release / "installed.json").write_bytes(b"")


def _replace_unit_by_a_folder(release: Path) -> None:
    (release / "edgevision.service").unlink()
    (release / "edgevision.service").mkdir()


def _close_model(release: Path) -> None:
    (release / "model.tflite").chmod(0o600)


def _link_model(release: Path) -> None:
    copy = release.parents[1] / "copy.tflite"
    (release / "model.tflite").rename(copy)
    (release / "model.tflite").symlink_to(copy)


def _damage_all(release: Path) -> None:
    for damage in (_spoil_model, _spoil_library, _replace_unit_by_a_folder):
        damage(release)


@pytest.mark.parametrize(
    "damage",
    [
        _spoil_model,
        _remove_environment,
        _spoil_library,
        _retarget_python,
        _empty_record,
        _replace_unit_by_a_folder,
        _close_model,
        _link_model,
        _damage_all,
    ],
)
def test_install_repairs_a_damaged_release(
    damage: Callable[[Path], None], bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = run(bundle, tmp_path / "root").folder
    before = _content(release)
    damage(release)
    capsys.readouterr()
    run(bundle, tmp_path / "root")
    said = capsys.readouterr().out
    assert "repairing" in said
    assert "prove: " in said
    assert _content(release) == before


def test_install_tests_an_intact_release_again(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = run(bundle, tmp_path / "root").folder
    before = _content(release)
    capsys.readouterr()
    run(bundle, tmp_path / "root")
    said = capsys.readouterr().out
    assert "prove: running the model's self-test" in said
    assert "repairing" not in said
    assert _content(release) == before


def test_failed_repair_keeps_what_is_left(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = run(bundle, tmp_path / "root").folder
    _spoil_library(release)

    def fail(*_: object) -> None:
        raise Refused("no pip today")

    with monkeypatch.context() as patch:
        patch.setattr("edgevision.device.installer.release.build.make_environment", fail)
        with pytest.raises(Refused, match="no pip today"):
            run(bundle, tmp_path / "root")
    assert (release / "venv/bin/python").exists()
    assert not [path for path in release.iterdir() if path.name.startswith(".")]
    run(bundle, tmp_path / "root")
    assert next((release / "venv/lib").glob("python*/site-packages/edgevision/__init__.py")).read_text() == ""


def test_stray_files_in_releases_are_left_alone(bundle: Path, tmp_path: Path) -> None:
    releases = tmp_path / "root/opt/edgevision/releases"
    (releases / "lost+found").mkdir(parents=True)
    (releases / "notes.txt").write_text("mine")
    (releases / "link").symlink_to("/nonexistent")
    half = releases / "half-0123456789ab"
    half.mkdir()
    (releases / "file-0123456789ab").write_text("in the way")
    release = run(bundle, tmp_path / "root").folder
    assert sorted(path.name for path in releases.iterdir()) == sorted([release.name, "link", "lost+found", "notes.txt"])


def test_folder_in_place_of_the_current_link_is_refused_early(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "root/opt/edgevision/current").mkdir(parents=True)
    with pytest.raises(Refused, match="must be a link to the current release"):
        run(bundle, tmp_path / "root")
    assert not (tmp_path / "root/opt/edgevision/releases").exists()


@needs_openssl
def test_older_signed_bundles_are_refused(tmp_path: Path) -> None:
    public = keys.new(tmp_path / "k.pem")
    root = tmp_path / "root"

    def signed(number: int | None) -> Path:
        model = b"a model\n" * (500 + (number or 0))
        return installable(tmp_path / f"{number}.tar.xz", tmp_path / "k.pem", model=model, number=number)

    run(signed(5), root, (public,))
    current = root / "opt/edgevision/current"
    five = os.readlink(current)
    for older in (signed(4), signed(None)):
        with pytest.raises(Refused, match=r"older than one installed before: .*the newest was 5.*--allow-older"):
            run(older, root)
    assert os.readlink(current) == five
    assert not list((root / "opt/edgevision/releases").glob("*[!0-9a-f]"))
    run(signed(5), root)
    run(signed(4), root, allow_older=True)
    assert os.readlink(current) != five
    with pytest.raises(Refused, match="the newest was 5"):
        run(signed(3), root)
    run(signed(6), root)
    assert (root / "opt/edgevision/newest").read_text() == "6\n"
    (root / "opt/edgevision/newest").write_text("many")
    with pytest.raises(Refused, match="newest is damaged"):
        run(signed(6), root)


@needs_openssl
def test_number_of_a_bundle_that_nobody_checked_does_not_count(tmp_path: Path) -> None:
    keys.new(tmp_path / "k.pem")
    run(installable(tmp_path / "b.tar.xz", tmp_path / "k.pem", number=9), tmp_path / "root")
    assert not (tmp_path / "root/opt/edgevision/newest").exists()


@needs_openssl
def test_revoked_key_signs_nothing_any_more(bundle: Path, tmp_path: Path) -> None:
    old, new = keys.new(tmp_path / "old.pem"), keys.new(tmp_path / "new.pem")
    root = tmp_path / "root"
    by_old = installable(tmp_path / "old.tar.xz", tmp_path / "old.pem")
    by_new = installable(tmp_path / "new.tar.xz", tmp_path / "new.pem")
    run(by_old, root, (old,))
    found, left = keys.revoke(root, str(old))
    assert (found, left) == (keys.fingerprint(old), False)
    for given, trust, match in (
        (by_old, (), "all keys of this device are revoked"),
        (bundle, (), "all keys of this device are revoked"),
        (by_old, (old,), "this key is revoked"),
        (by_old, (new,), "none of the trusted keys"),
    ):
        with pytest.raises(Refused, match=match):
            run(given, root, trust)
    run(by_new, root, (new,))
    run(by_new, root)
    with pytest.raises(Refused, match="none of the trusted keys"):
        run(by_old, root)
    assert trusted_keys.read_revoked(root) == {found}


@pytest.mark.parametrize(("number", "text"), [(0, "none"), (7, "7"), (1764470000, "1764470000 (2025-11-30 02:33 UTC)")])
def test_release_numbers_are_shown_with_their_time(number: int, text: str) -> None:
    assert newest.shown(number) == text


def _content(release: Path) -> dict[str, bytes | str]:
    """Return the content of all files and links."""
    found: dict[str, bytes | str] = {}
    for path in sorted(release.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(release))] = os.readlink(path)
        elif path.is_file():
            found[str(path.relative_to(release))] = oct(path.stat().st_mode).encode() + path.read_bytes()
    return found


@pytest.fixture
def digested(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often the content of each file, by its inode, was hashed."""
    counts: Counter[int] = Counter()
    genuine = hashlib.file_digest

    def counted(stream: IO[bytes], name: str) -> object:
        counts[os.fstat(stream.fileno()).st_ino] += 1
        return genuine(stream, name)  # type: ignore[arg-type]

    monkeypatch.setattr(release_files.hashlib, "file_digest", counted)
    return counts


def _libraries(release: Path) -> list[Path]:
    return [path for path in (release / "venv").rglob("*") if path.is_file() and not path.is_symlink()]


def test_shared_libraries_are_hashed_once(bundle: Path, tmp_path: Path, digested: Counter[int]) -> None:
    first = run(bundle, tmp_path / "root").folder
    digested.clear()
    second = run(installable(tmp_path / "second.tar.xz", model=b"another\n" * 500), tmp_path / "root").folder
    shared = [path for path in _libraries(second) if path.stat().st_nlink > 1]
    assert {digested[path.stat().st_ino] for path in shared} == {1}
    files = json.loads((second / "installed.json").read_text())["files"]
    release_files.write_record(second)
    assert json.loads((second / "installed.json").read_text())["files"] == files
    script = (second / "venv/pyvenv.cfg").relative_to(second).as_posix()
    assert files[script] != json.loads((first / "installed.json").read_text())["files"][script]


def test_damaged_libraries_are_not_shared(bundle: Path, tmp_path: Path) -> None:
    first = run(bundle, tmp_path / "root").folder
    _spoil_library(first)
    second = run(installable(tmp_path / "second.tar.xz", model=b"another\n" * 500), tmp_path / "root").folder
    assert not [path for path in _libraries(second) if path.stat().st_nlink > 1]
    assert next((second / "venv/lib").glob("python*/site-packages/edgevision/__init__.py")).read_text() == ""


def test_installed_files_are_hashed_once_when_they_are_compared(
    bundle: Path, tmp_path: Path, digested: Counter[int]
) -> None:
    release = run(bundle, tmp_path / "root").folder
    digested.clear()
    run(bundle, tmp_path / "root")
    assert digested[(release / "model.tflite").stat().st_ino] == 1
    assert set(digested.values()) == {1}


def test_link_with_the_right_digest_in_its_name_is_damage(bundle: Path, tmp_path: Path) -> None:
    release = run(bundle, tmp_path / "root").folder
    before = _content(release)
    digest = hashlib.sha256((release / "model.tflite").read_bytes()).hexdigest()
    (release / "model.tflite").unlink()
    (release / "model.tflite").symlink_to(f"elsewhere:{digest}")
    (release / "installed.json").write_bytes(b"")
    run(bundle, tmp_path / "root")
    assert _content(release) == before
