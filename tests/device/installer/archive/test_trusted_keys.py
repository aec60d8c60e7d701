"""Tests of the keys that a device trusts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from edgevision.device.bundle import keys
from edgevision.device.installer.archive import trusted_keys
from edgevision.device.installer.archive.signature import check_form
from edgevision.device.installer.base.errors import Refused

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / trusted_keys.KEYS).mkdir(parents=True)
    return tmp_path / "root"


def test_keys_with_both_suffixes_count(root: Path, tmp_path: Path) -> None:
    for name in ("a.pem", "b.pub", "C.PEM"):
        public = keys.new(tmp_path / name.lower().replace(".", "-"))
        shutil.copy(public, root / trusted_keys.KEYS / name)
    (root / trusted_keys.KEYS / ".a.pem.edgevision").write_bytes(b"")  # left by an interrupted write
    found = trusted_keys.read_keys(root).required()
    assert sorted(path.name for path in found) == ["C.PEM", "a.pem", "b.pub"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pub", b"ssh-ed25519 AAAA me@laptop\n"),
        ("a.pem", b""),
        ("a.pem", b"-----BEGIN PUBLIC KEY-----\n"),
        ("a.pem.bak", b""),
        ("README", b"keys of the company\n"),
        (".hidden.pem", b""),
    ],
)
def test_files_that_are_not_keys_are_refused(name: str, content: bytes, root: Path) -> None:
    (root / trusted_keys.KEYS / name).write_bytes(content)
    with pytest.raises(Refused, match=r"remove it|replace or remove") as caught:
        trusted_keys.read_keys(root)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_and_dangling_links_among_the_keys_are_refused(root: Path) -> None:
    folder = root / trusted_keys.KEYS
    (folder / "a.pem").mkdir()
    with pytest.raises(Refused, match="not a key file"):
        trusted_keys.read_keys(root)
    (folder / "a.pem").rmdir()
    (folder / "a.pem").symlink_to("/nonexistent")
    with pytest.raises(Refused, match="not a key file"):
        trusted_keys.read_keys(root)
    shutil.rmtree(folder)
    folder.write_text("")
    with pytest.raises(Refused, match="must be a folder"):
        trusted_keys.read_keys(root)


def test_keys_of_other_kinds_and_private_keys_are_refused(root: Path, tmp_path: Path) -> None:
    rsa = tmp_path / "rsa.pem"
    subprocess.run(["openssl", "genrsa", "-out", rsa, "512"], check=True, capture_output=True)
    public = subprocess.run(["openssl", "pkey", "-in", rsa, "-pubout"], check=True, capture_output=True).stdout
    (tmp_path / "rsa.pub.pem").write_bytes(public)
    keys.new(tmp_path / "k.pem")
    for path in (tmp_path / "rsa.pub.pem", tmp_path / "k.pem"):
        with pytest.raises(Refused, match="is not a public key in PEM format"):
            trusted_keys.additions(root, [path])


def test_key_is_not_replaced_by_another_one_of_its_name(root: Path, tmp_path: Path) -> None:
    first, second = (keys.new(tmp_path / folder / "a.pem") for folder in ("one", "two"))
    trusted_keys.add(root, trusted_keys.additions(root, [first]))
    before = (root / trusted_keys.KEYS / "a.pub.pem").read_bytes()
    assert trusted_keys.additions(root, [first]) == {}
    with pytest.raises(Refused, match=r"the device trusts another key of this name .*rename the file"):
        trusted_keys.additions(root, [second])
    with pytest.raises(Refused, match="another key of this name"):
        trusted_keys.place_key(root, "a.pub.pem", second.read_bytes())
    assert (root / trusted_keys.KEYS / "a.pub.pem").read_bytes() == before
    # A revoked key makes room for the one that follows it.
    keys.revoke(root, str(first))
    trusted_keys.add(root, trusted_keys.additions(root, [second]))
    assert list(trusted_keys.read_keys(root).usable) == [keys.fingerprint(second)]


def test_two_new_keys_of_one_name_are_refused(root: Path, tmp_path: Path) -> None:
    both = [keys.new(tmp_path / folder / "a.pem") for folder in ("one", "two")]
    with pytest.raises(Refused, match="another key of this name"):
        trusted_keys.additions(root, both)


def test_damaged_list_of_revoked_keys_is_refused(root: Path) -> None:
    path = root / trusted_keys.REVOKED
    path.write_text(f"# comment\n\nsha256:{'0' * 64} # lost in May\n")
    assert trusted_keys.read_revoked(root) == {f"sha256:{'0' * 64}"}
    for text in ("sha256:123\n", "sha1:" + "0" * 64, "\x00\x00"):
        path.write_text(text)
        with pytest.raises(Refused, match=r"revoked_keys.txt:1: expected sha256:"):
            trusted_keys.read_keys(root)


@pytest.mark.parametrize(
    "signature", [b"", bytes(63), bytes(64), b"\1" + bytes(63), bytes(32) + b"\1" * 32, b"\xff" * 64]
)
def test_what_cannot_be_a_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(Refused, match=r"^invalid signature: .*--sign KEY$"):
        check_form(signature)
