"""Tests of SSH key validation: keys are accepted or rejected, and messages never repeat the input."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from edgevision.device.flash.config import ssh_keys
from hypothesis import given
from hypothesis import strategies as st
from ssh_public_keys import ECDSA, ED25519, RSA, SECURITY_KEY, key_line

from edgevision.errors import BadInput


@pytest.mark.parametrize("line", [ED25519, RSA, ECDSA, SECURITY_KEY])
def test_check_key_accepts_each_type(line: str) -> None:
    assert ssh_keys.check_key(line) == line
    assert ssh_keys.check_key(f'{line} me: "a" # $(b)') == f'{line} me: "a" # $(b)'


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen")
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_read_keys_accepts_keys_of_ssh_keygen(tmp_path: Path, kind: str) -> None:
    made = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "me at 'home'", "-f", str(tmp_path / "key")]
    subprocess.run(made, check=True, timeout=60)
    (line,) = ssh_keys.read_keys(tmp_path / "key.pub")
    told = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
    assert ssh_keys.describe(line).split()[1] == told.stdout.split()[1]
    with pytest.raises(BadInput, match="private SSH key"):
        ssh_keys.read_keys(tmp_path / "key")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "empty"),
        ("ssh-ed25519", "truncated"),
        (ED25519[:40], "truncated"),
        (ED25519[:-1] + "!", "base64"),
        (f"ssh-rsa {ED25519.split()[1]}", "its data is not of type ssh-rsa"),
        (key_line("ssh-ed25519", bytes(31)), "must have 32 bytes, not 31"),
        (key_line("ssh-ed25519", bytes(32), b"more"), "wrong number of fields"),
        (key_line("ssh-rsa", b"3", b"\xc1" * 128), "1024 bits, which is too weak"),
        (key_line("ecdsa-sha2-nistp256", b"nistp384", b"\x04" + bytes(64)), "invalid point"),
        (key_line("ecdsa-sha2-nistp256", b"nistp256", b"\x02" + bytes(64)), "invalid point"),
        (key_line("ecdsa-sha2-nistp256", b"nistp256", b""), "invalid point"),
        ("ssh-dss AAAA", "DSA"),
        (f'from="10.*" {ED25519}', "options"),
        (f"{ED25519} me\nssh-rsa AAAA", "one line"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "certificate"),
        ("---- BEGIN SSH2 PUBLIC KEY ----", "ssh-keygen -i"),
        ("PuTTY-User-Key-File-2: ssh-rsa", "private"),
        ("-----BEGIN RSA PRIVATE KEY-----", "private"),
    ],
)
def test_check_key_rejects_other_input(line: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        ssh_keys.check_key(line)
    assert not any(len(part) > 20 and part in str(caught.value) for part in line.split())


@given(st.binary(max_size=80))
def test_check_key_accepts_or_rejects_any_data(data: bytes) -> None:
    """Accepted data is at least as long as the shortest key."""
    for kind in ssh_keys.FIELDS:
        try:
            ssh_keys.check_key(
                f"{kind} {base64.b64encode(len(kind).to_bytes(4, 'big') + kind.encode() + data).decode()}"
            )
        except BadInput as error:
            assert str(error).isprintable()
        else:
            assert len(data) >= ssh_keys.ED25519_BYTES
