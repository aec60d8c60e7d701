"""The control file of a package: its name, its version, and what it needs and replaces (deb-control(5))."""

from __future__ import annotations

import re
from collections.abc import Mapping

from edgevision.errors import BadInput

from ...installer.archive.manifest import Manifest

ARCHITECTURES = {"aarch64": "arm64", "x86_64": "amd64"}
"""Architecture as ``uname -m`` prints it -> as Debian names it."""
PROVIDED = "edgevision-release"
"""What each of these packages provides and conflicts with: a device has one of them."""
NOBODY = ("edgevision bundle", "root@localhost")


def package_name(manifest: Manifest) -> str:
    """Return the name of the package, after the model: packages of different models are different packages to apt."""
    return "edgevision-" + re.sub(r"[^a-z0-9.+-]", "-", manifest.model_name)


def package_version(manifest: Manifest, number: int) -> str:
    """Return a version that grows with the release number, which is what a device compares, too."""
    return f"{number}+{manifest.id.rpartition('-')[2]}"


def maintainer(environment: Mapping[str, str]) -> str:
    """Return who made the package: DEBFULLNAME and DEBEMAIL, as Debian's own tools read them. Raises BadInput."""
    name = environment.get("DEBFULLNAME") or NOBODY[0]
    mail = environment.get("DEBEMAIL") or NOBODY[1]
    if not name.isprintable() or set("<>@") & set(name):
        raise BadInput(f"DEBFULLNAME: expected a name on one line, got {name!r:.60}")
    if not re.fullmatch(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+", mail):
        raise BadInput(f"DEBEMAIL: expected an address such as me@example.org, got {mail!r:.60}")
    return f"{name} <{mail}>"


def control(manifest: Manifest, version: str, maintained_by: str, signed: bool, installed_bytes: int) -> str:
    """Return the control file. ``installed_bytes``: size of the files of the package."""
    major, minor = manifest.python.split(".")
    needs = ["libc6 (>= 2.34)", f"python3 (>= {major}.{minor})", f"python3 (<< {major}.{int(minor) + 1})"]
    needs += ["openssl"] if signed else []  # checks the signature
    fields = {
        "Package": package_name(manifest),
        "Version": version,
        "Architecture": ARCHITECTURES[manifest.arch],
        "Maintainer": maintained_by,
        "Installed-Size": str(-(-installed_bytes // 1024)),
        "Depends": ", ".join(needs),
        "Provides": PROVIDED,
        "Conflicts": PROVIDED,
        "Replaces": PROVIDED,
        "Section": "misc",
        "Priority": "optional",
        "Description": f"edgevision with the model {manifest.model_name}\n"
        f" Release {manifest.id}: the model, its configuration, edgevision {manifest.version}\n"
        " and its libraries, as one bundle. Installing the package installs the bundle\n"
        " in /opt/edgevision and starts the service.",
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())
