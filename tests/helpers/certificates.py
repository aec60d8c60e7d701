"""Certificates of a test: an authority, and a server certificate that it signs, made with openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def _new_key(folder: Path, name: str) -> list[str]:
    key = str(folder / f"{name}.key")
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key]


def authority(folder: Path, name: str) -> Path:
    """Return the certificate of a new authority, ``NAME.pem``; its key is ``NAME.key``."""
    made = folder / f"{name}.pem"
    subject = ["-subj", f"/CN={name}", "-days", "2", "-addext", "basicConstraints=critical,CA:TRUE"]
    _openssl("req", "-x509", *_new_key(folder, name), *subject, "-out", str(made))
    return made


def certificate(folder: Path, name: str, by: Path, host: str = "127.0.0.1") -> Path:
    """Return a certificate that an authority signs, ``NAME.pem``; its key is ``NAME.key``."""
    made, request, more = folder / f"{name}.pem", folder / f"{name}.csr", folder / f"{name}.ext"
    more.write_text(f"subjectAltName=IP:{host}\n")
    _openssl("req", "-new", *_new_key(folder, name), "-subj", f"/CN={name}", "-out", str(request))
    signed = ["-CA", str(by), "-CAkey", str(by.with_suffix(".key")), "-CAcreateserial", "-days", "2"]
    _openssl("x509", "-req", "-in", str(request), *signed, "-extfile", str(more), "-out", str(made))
    return made
