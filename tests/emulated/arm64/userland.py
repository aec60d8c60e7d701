"""An arm64 userland with one set of packages: starts commands in it, and shares a folder with them."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYTHON = "/usr/bin/python3"


@dataclass(frozen=True, slots=True)
class Userland:
    """One root and one set of wheels in it."""

    root: Path
    before: tuple[str, ...]
    """What enters the root, before each command."""
    name: str
    """Of the set: newest, bookworm, tflite-runtime."""

    @property
    def folder(self) -> Path:
        """The root's /tmp, as the host sees it."""
        return self.root / "tmp"

    def inside(self, path: Path) -> str:
        """A path below the root, as programs in it see it."""
        return f"/{path.relative_to(self.root)}"

    def run(self, *arguments: str, code: int = 0, timeout_s: float = 900) -> subprocess.CompletedProcess[str]:
        """Runs the root's Python with these arguments; the exit status must be ``code``."""
        environment = {
            "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ["PATH"],
            "HOME": "/tmp",
            "LANG": "C.UTF-8",
            "QEMU_CPU": "cortex-a72",
            "PYTHONPATH": f"/opt/edgevision:/opt/{self.name}:/opt/testing",
            "EDGEVISION_SHARED": "/shared",
        }
        command = [*self.before, PYTHON, *arguments]
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == code, f"exit {done.returncode}: {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done

    def edgevision(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """The command line, as a user gives it."""
        done = self.run("-m", "edgevision", *arguments, code=code)
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        """What a command says with --json."""
        return json.loads(self.edgevision(*arguments, "--json").stdout)
