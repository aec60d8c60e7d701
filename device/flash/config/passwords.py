"""Passwords of users: only their hashes are kept, and neither ever stands in a message or on a command line."""

from __future__ import annotations

import re
import shutil
import subprocess

from edgevision.errors import BadInput, MissingDependency, first_line

SHORTEST, LONGEST = 8, 128
"""Characters."""
LONGEST_LINE = 255
"""Bytes that openssl reads."""
HOW = "openssl passwd -6"
"""Asks for a password and prints its hash."""
_LETTER = "[./0-9A-Za-z]"
_HASHES = re.compile(
    # crypt(5): what Debian's libcrypt checks and what is not long broken
    rf"\$6\$(rounds=\d{{4,9}}\$)?{_LETTER}{{1,16}}\${_LETTER}{{86}}"  # SHA-512
    rf"|\$5\$(rounds=\d{{4,9}}\$)?{_LETTER}{{1,16}}\${_LETTER}{{43}}"  # SHA-256
    rf"|\$g?y\${_LETTER}{{1,16}}\${_LETTER}{{1,86}}\${_LETTER}{{43}}"  # yescrypt
    rf"|\$2[aby]\$\d\d\${_LETTER}{{53}}"  # bcrypt
)


def check_hash(text: str) -> str:
    """As crypt(5) writes it: SHA-512, SHA-256, yescrypt or bcrypt. Raises BadInput."""
    if text.startswith("$1$"):
        raise BadInput(f"the password_hash is MD5's, which is broken; make a new one: {HOW}")
    if not _HASHES.fullmatch(text):
        raise BadInput(f"password_hash is no hash of a password, or not a whole one; make one: {HOW}")
    return text


def check_password(text: str) -> str:
    """One that can be typed at a screen and hashed. Raises BadInput."""
    if not SHORTEST <= len(text) <= LONGEST or len(text.encode()) > LONGEST_LINE:
        raise BadInput(f"a password has {SHORTEST} to {LONGEST} characters")
    if not text.isprintable():
        raise BadInput("the password holds a control character")
    return text


def hash_password(password: str) -> str:
    """SHA-512 with a salt of its own, by openssl. Raises BadInput, MissingDependency."""
    program = shutil.which("openssl")
    if program is None:
        raise MissingDependency("openssl is not there, and passwords are hashed with it (Debian: apt install openssl)")
    line = check_password(password).encode() + b"\n"
    done = subprocess.run([program, "passwd", "-6", "-stdin"], input=line, capture_output=True, timeout=60, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        reason = first_line(ValueError(said)) if said else f"exit status {done.returncode}"
        raise BadInput(f"{HOW} failed ({reason}); LibreSSL's openssl cannot do it, OpenSSL's can")
    return check_hash(done.stdout.decode(errors="replace").strip())
