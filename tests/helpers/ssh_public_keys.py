"""SSH public keys of each type, made of bytes that are nobody's."""

from __future__ import annotations

import base64
import struct


def key_line(kind: str, *fields: bytes) -> str:
    """``kind`` and the base64 of it and these fields, as RFC 4253 section 6.6 has them."""
    parts = (kind.encode(), *fields)
    return f"{kind} {base64.b64encode(b''.join(struct.pack('>I', len(one)) + one for one in parts)).decode()}"


ED25519 = key_line("ssh-ed25519", bytes(range(32)))
RSA = key_line("ssh-rsa", b"\x01\x00\x01", b"\x00" + b"\xc1" * 256)
ECDSA = key_line("ecdsa-sha2-nistp256", b"nistp256", b"\x04" + bytes(64))
SECURITY_KEY = key_line("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:")
