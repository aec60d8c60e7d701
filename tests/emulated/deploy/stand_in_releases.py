"""Writes bundles whose loop is a few lines of Python: python stand_in_releases.py FOLDER.

They install within a second, and their service reports to systemd and in health.json as the real loop does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import small_bundle
from edgevision.device.bundle import installer_pyz
from edgevision.device.bundle.build import unit_plan
from edgevision.device.bundle.target import Target
from edgevision.device.service.access import Access
from edgevision.device.service.unit import unit_text
from prepared_card import PYTHON, installable

LOOP = """# {name}, in the place of a model: recognizes ten frames per second, without a camera.
import json, os, pathlib, socket, time
health = pathlib.Path(os.environ["RUNTIME_DIRECTORY"]) / "health.json"
frames = 0
while True:
    frames += 10
    found = {{"schema": "edgevision.health/1", "pid": os.getpid(), "frames": frames, "rate_fps": 10.0, "waiting_for": None}}
    health.with_suffix(".part").write_text(json.dumps(found))
    health.with_suffix(".part").replace(health)
    address = os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1)
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1\\nWATCHDOG=1", address)
    time.sleep(1)
"""
MUTE = """# Recognizes nothing and never reports that it is ready.
import time
time.sleep(1e6)
"""


def unit() -> bytes:
    """Return the unit of a real bundle, with the stand-in as its program."""
    text = unit_text(unit_plan(Target("3.11", "x86_64"), Access(), False))
    lines = text.splitlines()
    program = "ExecStart=/usr/bin/python3 -I /opt/edgevision/current/model.tflite"
    return "\n".join(program if line.startswith("ExecStart=") else line for line in lines).encode() + b"\n"


def main(folder: Path) -> None:
    """Write one.tar.xz, two.tar.xz and mute.tar.xz for this machine, and arm.tar.xz for another architecture."""
    for name, text in (("one", LOOP.format(name="one")), ("two", LOOP.format(name="two")), ("mute", MUTE)):
        loop = text.encode() + b"#" * 1000
        installable(folder / f"{name}.tar.xz", model=loop, unit=unit(), installer=installer_pyz.pyz())
    small_bundle.build(folder / "arm.tar.xz", python=PYTHON, arch="aarch64")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
