"""Render the build context of an image: Containerfile, compose.yaml, and the files that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources

from ...installer.archive.manifest import CONFIG, INSTALLER, Manifest
from ..deb.control import ARCHITECTURES, package_name

UID = 10001
"""User of the loop in the container; Debian's own users have lower ones."""
DEBIAN = {"3.11": "bookworm", "3.13": "trixie"}
QEMU_CPU = "cortex-a72"
QEMU_NOTE = (
    "# QEMU_CPU: for a build on another architecture, where LiteRT gets wrong answers from the processor that QEMU\n"
    "# emulates otherwise.\n"
)
VIDEO_GROUP = 44
"""Group of cameras on Debian and Raspberry Pi OS (base-passwd)."""


def context(
    bundle: bytes, manifest: Manifest, installer: bytes, config: str, devices: Sequence[str]
) -> dict[str, bytes]:
    """Return name -> content of the files, the Containerfile last.

    Args:
        bundle: Packed bundle.
        manifest: Its manifest.
        installer: Its install.pyz.
        config: Configuration of the loop, with absolute paths of the device.
        devices: Device files that the loop opens.
    """
    emulated = manifest.arch == "aarch64"
    values = {
        "NAME": package_name(manifest),
        "RELEASE": manifest.id,
        "ARCH": ARCHITECTURES[manifest.arch],
        "DEBIAN": DEBIAN[manifest.python],
        "UID": str(UID),
        "DEVICES": _devices(devices),
        "QEMU": QEMU_NOTE if emulated else "",
        "CPU": f"QEMU_CPU={QEMU_CPU} " if emulated else "",
    }
    return {
        "bundle.tar.xz": bundle,
        INSTALLER: installer,
        CONFIG: config.encode(),
        "compose.yaml": _rendered("compose.yaml.in", values),
        "Containerfile": _rendered("Containerfile.in", values),
    }


def _devices(devices: Sequence[str]) -> str:
    """Return the lines of compose.yaml that hand devices over; the group is a number, which is that of the host."""
    if not devices:
        return ""
    lines = ["    devices:", *(f'      - "{one}:{one}"' for one in devices), f'    group_add: ["{VIDEO_GROUP}"]']
    return "\n".join(lines) + "\n"


def _rendered(name: str, values: Mapping[str, str]) -> bytes:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text.encode()
