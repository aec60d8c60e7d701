"""Certificates of the live page: a given one, or one of its own."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from edgevision.errors import BadInput, MissingDependency
from edgevision.files.atomic import write_bytes
from edgevision.input_file import require_file

from ..installer.archive.signature import openssl
from ..installer.base.errors import Refused
from .address import PageAddress, is_address

AUTO = "auto"
FILE = "page-certificate.pem"
DAYS = 3650


def certificate(setting: str, address: PageAddress, state: Path) -> Path:
    """Return a PEM file with certificate and private key. ``setting``: such a file, or ``auto`` to make one once.

    Raises EdgeVisionError.
    """
    if setting != AUTO:
        path = require_file(Path(setting), "certificate")
    else:
        path = state / FILE
        if not path.exists():
            write_bytes(path, _self_signed(address), private=True)
    _require_usable(path)
    return path


def _require_usable(path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(path, password=lambda: b"")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "not usable"
        raise BadInput(
            f"{path}: cannot be used as certificate ({reason}); expected a PEM file with the certificate and its private key "
            "without a password"
        ) from None


def _self_signed(address: PageAddress) -> bytes:
    """Return key and certificate of this machine. Raises BadInput, MissingDependency."""
    host = socket.gethostname() or "edgevision"
    names = [f"DNS:{host}", f"DNS:{host}.local", "DNS:localhost", "IP:127.0.0.1"]
    if is_address(address.host) and not address.is_loopback:
        names.append(f"IP:{address.host}")
    try:
        done = openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(DAYS),
            "-subj", f"/CN={host[:60]}", "-addext", f"subjectAltName={','.join(names)}", "-keyout", "-", "-out", "-",
        )  # fmt: skip
    except Refused as error:
        raise MissingDependency(str(error)) from None
    if done.returncode or b"PRIVATE KEY" not in done.stdout or b"BEGIN CERTIFICATE" not in done.stdout:
        raise BadInput("openssl could not make a certificate; give one with --page-tls FILE.pem")
    return bytes(done.stdout)
