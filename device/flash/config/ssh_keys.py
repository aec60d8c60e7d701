"""Public SSH keys, taken apart to see that they are some. Nothing that was given is ever repeated in a message: it may be
a private key or a password in the wrong place.

The form of a line: sshd(8), "AUTHORIZED_KEYS FILE FORMAT"; of what is in it: RFC 4253 section 6.6, RFC 5656, RFC 8709 and
OpenSSH's PROTOCOL.u2f.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path

from edgevision.errors import BadInput

LARGEST_FILE = 100_000
"""Bytes."""
FEWEST_RSA_BITS = 2048
FIELDS: dict[str, tuple[str, ...]] = {
    # type of key -> what follows it within
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
    """A line of authorized_keys without options: type, key, comment. Raises BadInput."""
    line = text.strip()
    _refuse_others(line)
    kind, *rest = line.split(None, 2)
    if kind not in FIELDS:
        if any(f" {known} " in f" {line} " for known in FIELDS):
            raise BadInput("options before an SSH key are not taken; add them on the device, in ~/.ssh/authorized_keys")
        raise BadInput(f"this is no SSH public key: it begins with none of {', '.join(FIELDS)}")
    if not rest:
        raise BadInput(f"this SSH key is cut off: nothing follows {kind}")
    comment = rest[1] if len(rest) > 1 else ""
    if not comment.isprintable():
        raise BadInput("the comment of this SSH key holds a line end or another control character; a key is one line")
    _check_blob(kind, _decoded(rest[0]))
    return " ".join([kind, rest[0], comment]).rstrip()


def read_keys(path: Path) -> tuple[str, ...]:
    """Of a .pub file or an authorized_keys file, at least one. Raises BadInput, with the line in that file."""
    if not path.is_file():
        raise BadInput(f"no such file: {path}")
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadInput(f"{path} is no file of SSH keys: it is too large")
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is no file of SSH public keys") from None
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                found.append(check_key(line))
            except BadInput as error:
                raise BadInput(f"{path}, line {number}: {error}") from None
    if not found:
        raise BadInput(f"{path} holds no SSH key")
    return tuple(found)


def describe(line: str) -> str:
    """Type, fingerprint and comment of a checked line, as ssh-keygen -l has them."""
    kind, blob, *comment = line.split(None, 2)
    digest = base64.b64encode(hashlib.sha256(base64.b64decode(blob)).digest()).decode().rstrip("=")
    return " ".join([kind, f"SHA256:{digest}", *comment])


def _refuse_others(line: str) -> None:
    """What people have that looks like a key."""
    if not line:
        raise BadInput("an SSH key is empty")
    if "PRIVATE KEY" in line or line.startswith("PuTTY-User-Key-File"):
        raise BadInput(
            "this is a private SSH key, which must never leave the machine that it is for; give the public one, "
            "whose file ends in .pub"
        )
    if line.startswith("---- BEGIN SSH2 PUBLIC KEY"):
        raise BadInput("this SSH key is in RFC 4716's form; turn it into a line: ssh-keygen -i -f FILE")
    if line.startswith("ssh-dss "):
        raise BadInput("DSA keys are not taken by SSH any more; make a new one: ssh-keygen -t ed25519")
    if "-cert-v01@openssh.com" in line.split(None, 1)[0]:
        raise BadInput("this is an SSH certificate; give the key itself")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("this SSH key is damaged or cut off: its second part is no base64") from None


def _check_blob(kind: str, blob: bytes) -> None:
    """The key says its type within once more, and holds what that type has, and nothing else. Raises BadInput."""
    fields = _strings(blob)
    if not fields:
        raise BadInput("this SSH key is damaged or cut off")
    if fields[0] != kind.encode():
        raise BadInput(f"this SSH key is damaged: it says {kind}, and within it is another")
    names = FIELDS[kind]
    if len(fields) != len(names) + 1:
        raise BadInput(f"this SSH key is damaged or cut off: it has not the parts of a {kind}")
    parts = dict(zip(names, fields[1:], strict=True))
    if "key" in parts and len(parts["key"]) != ED25519_BYTES:
        raise BadInput(f"this SSH key is damaged: {kind} has {ED25519_BYTES} bytes, not {len(parts['key'])}")
    if "modulus" in parts:
        bits = int.from_bytes(parts["modulus"], "big").bit_length()
        if bits < FEWEST_RSA_BITS:
            raise BadInput(f"this RSA key of {bits} bits is too weak; make a new one: ssh-keygen -t ed25519")
    if "curve" in parts:
        curve = kind.partition("@")[0].rpartition("-")[2]
        if parts["curve"] != curve.encode() or len(parts["point"]) != POINT_BYTES[curve] or parts["point"][0] != 4:
            raise BadInput(f"this SSH key is damaged: it holds no point of {curve}")


def _strings(blob: bytes) -> list[bytes]:
    """RFC 4251 section 5: four bytes of length, then so many; empty where they do not come out even."""
    found = []
    at = 0
    while at + 4 <= len(blob):
        end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
        found.append(blob[at + 4 : end])
        at = end
    return found if at == len(blob) else []
