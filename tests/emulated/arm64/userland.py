"""An arm64 userland with one package set: runs commands in it and shares a folder with it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from documents import loads, valid

PYTHON = "/usr/bin/python3"


@dataclass(frozen=True, slots=True)
class Userland:
    """One root and one set of wheels in it."""

    root: Path
    before: tuple[str, ...]
    """Command prefix that enters the root."""
    name: str
    """Name of the package set: newest, bookworm, tflite-runtime."""

    @property
    def folder(self) -> Path:
        """The root's /tmp, as seen by the host."""
        return self.root / "tmp"

    def inside(self, path: Path) -> str:
        """Return a path below the root as seen inside it."""
        return f"/{path.relative_to(self.root)}"

    def run(self, *arguments: str, code: int = 0, timeout_s: float = 900) -> subprocess.CompletedProcess[str]:
        """Run the root's Python with these arguments and check its exit status."""
        environment = {
            "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ["PATH"],
            "HOME": "/tmp",
            "LANG": "C.UTF-8",
            "QEMU_CPU": "cortex-a72",  # with all of QEMU's features (max), LiteRT's kernels compute wrong results
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
        """Run the edgevision command line."""
        done = self.run("-m", "edgevision", *arguments, code=code)
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        """Return the --json output of a command."""
        return valid(loads(self.edgevision(*arguments, "--json").stdout))
