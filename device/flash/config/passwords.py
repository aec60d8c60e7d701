"""Passwords of users: only hashes are stored; neither ever appears in a message or on a command line."""

from __future__ import annotations

import re
import shutil
import subprocess

from edgevision.errors import BadInput, MissingDependency, first_line

SHORTEST, LONGEST = 8, 128
"""Password length in characters."""
LONGEST_LINE = 255
"""Maximum length in bytes that openssl reads."""
HOW = "openssl passwd -6"
"""Command that asks for a password and prints its hash."""
_LETTER = "[./0-9A-Za-z]"
_HASHES = re.compile(
    # crypt(5): the methods of Debian's libcrypt that are still considered secure
    rf"\$6\$(rounds=\d{{4,9}}\$)?{_LETTER}{{1,16}}\${_LETTER}{{86}}"  # SHA-512
    rf"|\$5\$(rounds=\d{{4,9}}\$)?{_LETTER}{{1,16}}\${_LETTER}{{43}}"  # SHA-256
    rf"|\$g?y\${_LETTER}{{1,16}}\${_LETTER}{{1,86}}\${_LETTER}{{43}}"  # yescrypt
    rf"|\$2[aby]\$\d\d\${_LETTER}{{53}}"  # bcrypt
)


def check_hash(text: str) -> str:
    """Return a valid crypt(5) hash: SHA-512, SHA-256, yescrypt or bcrypt. Raises BadInput."""
    if text.startswith("$1$"):
        raise BadInput(f"password_hash uses MD5, which is insecure; create a new one: {HOW}")
    if not _HASHES.fullmatch(text):
        raise BadInput(f"password_hash is not a complete password hash; create one: {HOW}")
    return text


def check_password(text: str) -> str:
    """Return a password that can be typed and hashed. Raises BadInput."""
    if not SHORTEST <= len(text) <= LONGEST or len(text.encode()) > LONGEST_LINE:
        raise BadInput(f"the password must have {SHORTEST} to {LONGEST} characters")
    if not text.isprintable():
        raise BadInput("the password contains a control character")
    return text


def hash_password(password: str) -> str:
    """Return the salted SHA-512 hash of a password, made by openssl. Raises BadInput, MissingDependency."""
    program = shutil.which("openssl")
    if program is None:
        raise MissingDependency("openssl not found; it is needed to hash passwords (Debian: apt install openssl)")
    line = check_password(password).encode() + b"\n"
    done = subprocess.run([program, "passwd", "-6", "-stdin"], input=line, capture_output=True, timeout=60, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        reason = first_line(ValueError(said)) if said else f"exit status {done.returncode}"
        raise BadInput(
            f"{HOW} failed ({reason}); use the openssl of OpenSSL, since that of LibreSSL does not support it"
        )
    return check_hash(done.stdout.decode(errors="replace").strip())
