"""Make a Debian package of a packed bundle; the installer of the bundle does the work in its maintainer scripts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources

from ...installer.archive.manifest import INSTALLER, Manifest
from .archive import DebFile, archive
from .control import control, maintainer, package_name, package_version

FOLDER = "/usr/lib/edgevision"
SCRIPTS = ("postinst", "prerm", "postrm")
COPYRIGHT = """\
This package was made by edgevision bundle from a model and the wheels of libraries.

edgevision is licensed under the Apache License, version 2.0
(/usr/share/common-licenses/Apache-2.0). The license of each library is in its
wheel. The license of the model is that of its maker: {name}.
"""


def package(
    bundle: bytes,
    manifest: Manifest,
    installer: bytes,
    number: int,
    *,
    signed: bool,
    secret: bool,
    environment: Mapping[str, str],
) -> bytes:
    """Return a package. Raises BadInput for a maintainer in ``environment`` that no package can have.

    Args:
        bundle: Packed bundle.
        manifest: Its manifest.
        installer: Its install.pyz, which can run before the bundle is unpacked.
        number: Release number, which becomes the version.
        signed: Whether the bundle is signed.
        secret: Whether it holds a password: then only root can read it on the device.
        environment: Variables of the environment; see ``control.maintainer``.
    """
    name = package_name(manifest)
    files = {
        f"{FOLDER}/bundle.tar.xz": DebFile(bundle, 0o600 if secret else 0o644),
        f"{FOLDER}/{INSTALLER}": DebFile(installer),
        f"/usr/share/doc/{name}/copyright": DebFile(COPYRIGHT.format(name=manifest.model_name).encode()),
    }
    size = sum(len(file.data) for file in files.values())
    text = control(manifest, package_version(manifest, number), maintainer(environment), signed, size)
    scripts = {one: DebFile(resources.files(__package__).joinpath(f"{one}.sh").read_bytes(), 0o755) for one in SCRIPTS}
    return archive({"control": DebFile(text.encode()), "md5sums": _md5sums(files), **scripts}, files)


def _md5sums(files: Mapping[str, DebFile]) -> DebFile:
    """Return what ``dpkg --verify`` compares the installed files with; it protects against mistakes only."""
    lines = [
        f"{hashlib.md5(file.data, usedforsecurity=False).hexdigest()}  {path.lstrip('/')}\n"
        for path, file in sorted(files.items())
    ]
    return DebFile("".join(lines).encode())
