"""Tests of ``edgevision keys``, and of what ``bundle verify`` says about signatures."""

from __future__ import annotations

import errno
import io
import lzma
import os
import shutil
import tarfile
from pathlib import Path

import pytest
import small_bundle
from command_line import edgevision
from documents import parse
from edgevision.device.bundle import keys
from edgevision.device.installer.archive.manifest import SIGNATURE

from edgevision.errors import CannotWrite, OutputExists

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def run(*arguments: object, code: int = 0) -> str:
    """Run a command and return stdout and stderr."""
    done = edgevision(*arguments, cwd=Path.cwd())
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_full_disk_leaves_no_half_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = os.fsync, [0]

    def full(handle: int) -> None:
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= 1
        real(handle)

    monkeypatch.setattr("edgevision.files.atomic.os.fsync", full)
    for number in (0, 1):  # the private key does not fit, then the public one
        left[0] = number
        with pytest.raises(CannotWrite, match="No space left"):
            keys.new(tmp_path / "k.pem")
        assert list(tmp_path.iterdir()) == []
    left[0] = 2
    assert keys.new(tmp_path / "k.pem").stat().st_size > 0


def test_empty_key_file_is_replaced_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_bytes(b"")
    keys.new(tmp_path / "k.pem")
    before = (tmp_path / "k.pem").read_bytes()
    assert before.startswith(b"-----BEGIN PRIVATE KEY-----")
    with pytest.raises(OutputExists, match="already exists, and keys are never overwritten"):
        keys.new(tmp_path / "k.pem")
    assert (tmp_path / "k.pem").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["k.pem", "k.pub.pem"]


def test_revoke_takes_a_key_or_a_fingerprint(tmp_path: Path) -> None:
    public = keys.new(tmp_path / "k.pem")
    root = tmp_path / "root"
    found = keys.fingerprint(public)
    for given in (public, tmp_path / "k.pem", found, found):
        said = run("keys", "revoke", given, "--root", root)
        assert f"revoked {found}" in said
        assert "no trusted key is left" in said
    lines = (root / "etc/edgevision/revoked_keys.txt").read_text().splitlines()
    assert lines[1:] == [found]
    for wrong in ("sha256:12", tmp_path / "none.pem", public.parent):
        assert run("keys", "revoke", wrong, "--root", root, code=1).count("\n") == 1


def test_revoke_works_beside_a_file_that_is_not_a_key(tmp_path: Path) -> None:
    folder = tmp_path / "root/etc/edgevision/keys"
    folder.mkdir(parents=True)
    (folder / "README").write_text("keys\n")
    found = f"sha256:{'0' * 64}"
    said = run("keys", "revoke", found, "--root", tmp_path / "root", code=1)
    assert f"revoked {found}, but " in said
    assert "is not a key file" in said
    assert found in (tmp_path / "root/etc/edgevision/revoked_keys.txt").read_text()


def with_signature(bundle: Path, path: Path, signature: bytes) -> Path:
    """Return a copy of a bundle with another signature."""
    stream = io.BytesIO()
    with tarfile.open(bundle) as old, tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as new:
        for member in old:
            content = old.extractfile(member)
            assert content is not None
            data = signature if member.name == SIGNATURE else content.read()
            info = tarfile.TarInfo(member.name)
            info.size = len(data)
            new.addfile(info, io.BytesIO(data))
    path.write_bytes(lzma.compress(stream.getvalue(), preset=0))
    return path


def test_verify_says_what_it_did_not_check(tmp_path: Path) -> None:
    public = keys.new(tmp_path / "k.pem")
    signed = small_bundle.build(tmp_path / "s.tar.xz", sign=tmp_path / "k.pem", number=7)
    plain = small_bundle.build(tmp_path / "p.tar.xz")
    assert f"signed by {public}, release number 7" in run("bundle", "verify", signed, "--key", public)
    assert "its signature was NOT checked: that needs the public key, --key PUB" in run("bundle", "verify", signed)
    assert "not signed: anybody could have made it" in run("bundle", "verify", plain)
    value = parse(run("bundle", "verify", signed, "--key", public, "--json"), "bundle_check")
    assert (value["signed"], value["signed_by"], value["number"]) == (True, str(public), 7)
    assert "is not signed" in run("bundle", "verify", plain, "--key", public, code=1)


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(63), b"x" * 65, b"\xff" * 64])
@pytest.mark.parametrize("with_key", [True, False])
def test_verify_refuses_what_is_no_signature(signature: bytes, with_key: bool, tmp_path: Path) -> None:
    public = keys.new(tmp_path / "k.pem")
    signed = small_bundle.build(tmp_path / "s.tar.xz", sign=tmp_path / "k.pem")
    wrong = with_signature(signed, tmp_path / "w.tar.xz", signature)
    said = run("bundle", "verify", wrong, *(["--key", public] if with_key else []), code=1)
    assert "invalid signature: " in said
    assert said.count("\n") == 1


def test_show_refuses_a_file_that_is_too_large_for_a_key(tmp_path: Path) -> None:
    large = tmp_path / "large.pem"
    with large.open("wb") as stream:
        stream.truncate(10 << 30)  # takes no space
    done = edgevision("keys", "show", large, cwd=tmp_path)
    assert done.returncode == 1
    assert "is not a PEM key" in done.stderr
