"""Validate public SSH keys. Messages never repeat the input, which may be a misplaced private key or password.

Format of a line: sshd(8), "AUTHORIZED_KEYS FILE FORMAT"; of its content: RFC 4253 section 6.6, RFC 5656, RFC 8709 and
OpenSSH's PROTOCOL.u2f.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path

from edgevision.errors import BadInput, MissingFile
from edgevision.input_file import read_file, require_file

LARGEST_FILE = 100_000
"""Maximum size of a key file in bytes."""
FEWEST_RSA_BITS = 2048
FIELDS: dict[str, tuple[str, ...]] = {
    # key type -> fields that follow it in the key data
    "ssh-ed25519": ("key",),
    "ssh-rsa": ("exponent", "modulus"),
    "ecdsa-sha2-nistp256": ("curve", "point"),
    "ecdsa-sha2-nistp384": ("curve", "point"),
    "ecdsa-sha2-nistp521": ("curve", "point"),
    "sk-ssh-ed25519@openssh.com": ("key", "application"),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("curve", "point", "application"),
}
POINT_BYTES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
ED25519_BYTES = 32


def check_key(text: str) -> str:
    """Return a normalized line of authorized_keys without options: type, key, comment. Raises BadInput."""
    line = text.strip()
    _refuse_others(line)
    kind, *rest = line.split(None, 2)
    if kind not in FIELDS:
        if any(f" {known} " in f" {line} " for known in FIELDS):
            raise BadInput(
                "SSH keys with options are not supported; add options on the device in ~/.ssh/authorized_keys"
            )
        raise BadInput(f"not an SSH public key: it must start with one of {', '.join(FIELDS)}")
    if not rest:
        raise BadInput(f"the SSH key is truncated: nothing follows {kind}")
    comment = rest[1] if len(rest) > 1 else ""
    if not comment.isprintable():
        raise BadInput("the comment of the SSH key contains a line break or control character; a key must be one line")
    _check_blob(kind, _decoded(rest[0]))
    return " ".join([kind, rest[0], comment]).rstrip()


def read_keys(path: Path) -> tuple[str, ...]:
    """Return the keys of a .pub or authorized_keys file, at least one. Raises BadInput with the line number."""
    try:
        if require_file(path, "SSH key file").stat().st_size > LARGEST_FILE:
            raise BadInput(f"{path} is not an SSH key file: larger than {LARGEST_FILE // 1000} kB")
        lines = read_file(path, "SSH key file", LARGEST_FILE).decode("utf-8-sig").splitlines()
    except MissingFile as error:
        raise BadInput(str(error)) from None
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not a file of SSH public keys: not UTF-8 text") from None
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                found.append(check_key(line))
            except BadInput as error:
                raise BadInput(f"{path}, line {number}: {error}") from None
    if not found:
        raise BadInput(f"{path} contains no SSH key")
    return tuple(found)


def describe(line: str) -> str:
    """Return type, fingerprint and comment of a valid line, as ssh-keygen -l prints them."""
    kind, blob, *comment = line.split(None, 2)
    digest = base64.b64encode(hashlib.sha256(base64.b64decode(blob)).digest()).decode().rstrip("=")
    return " ".join([kind, f"SHA256:{digest}", *comment])


def _refuse_others(line: str) -> None:
    """Reject other things that look like keys, with specific messages. Raises BadInput."""
    if not line:
        raise BadInput("the SSH key is empty")
    if "PRIVATE KEY" in line or line.startswith("PuTTY-User-Key-File"):
        raise BadInput(
            "this is a private SSH key, which must never leave its machine; use the public key, "
            "whose file name ends in .pub"
        )
    if line.startswith("---- BEGIN SSH2 PUBLIC KEY"):
        raise BadInput("the SSH key is in RFC 4716 format; convert it with: ssh-keygen -i -f FILE")
    if line.startswith("ssh-dss "):
        raise BadInput("SSH no longer accepts DSA keys; create a new key: ssh-keygen -t ed25519")
    if "-cert-v01@openssh.com" in line.split(None, 1)[0]:
        raise BadInput("this is an SSH certificate; use the public key itself")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("the SSH key is damaged or truncated: its second part is not valid base64") from None


def _check_blob(kind: str, blob: bytes) -> None:
    """Check that the key data repeats the type and has exactly the fields of that type. Raises BadInput."""
    fields = _strings(blob)
    if not fields:
        raise BadInput("the SSH key is damaged or truncated")
    if fields[0] != kind.encode():
        raise BadInput(f"the SSH key is damaged: its data is not of type {kind}")
    names = FIELDS[kind]
    if len(fields) != len(names) + 1:
        raise BadInput(f"the SSH key is damaged or truncated: wrong number of fields for {kind}")
    parts = dict(zip(names, fields[1:], strict=True))
    if "key" in parts and len(parts["key"]) != ED25519_BYTES:
        raise BadInput(f"the SSH key is damaged: {kind} must have {ED25519_BYTES} bytes, not {len(parts['key'])}")
    if "modulus" in parts:
        bits = int.from_bytes(parts["modulus"], "big").bit_length()
        if bits < FEWEST_RSA_BITS:
            raise BadInput(f"the RSA key has {bits} bits, which is too weak; create a new key: ssh-keygen -t ed25519")
    if "curve" in parts:
        curve = kind.partition("@")[0].rpartition("-")[2]
        if parts["curve"] != curve.encode() or len(parts["point"]) != POINT_BYTES[curve] or parts["point"][0] != 4:
            raise BadInput(f"the SSH key is damaged: invalid point on {curve}")


def _strings(blob: bytes) -> list[bytes]:
    """Split data into strings with a 4-byte length each (RFC 4251 section 5); empty if the lengths do not add up."""
    found = []
    at = 0
    while at + 4 <= len(blob):
        end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
        found.append(blob[at + 4 : end])
        at = end
    return found if at == len(blob) else []
