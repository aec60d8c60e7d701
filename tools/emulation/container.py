"""``make test-container``: the image of a bundle, built by buildah on Debian's packages and run by podman."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence

from . import debian
from .debian import Recipe
from .host import REPO, need_programs, need_root

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
ROOT = Recipe("bookworm-container", "bookworm", ARCHITECTURES.get(platform.machine(), "amd64"), ("python3",))
"""Root of the base image, in place of docker.io's Debian."""


def test(arguments: Sequence[str]) -> int:
    """Run the tests in ``tests/emulated/container``. ``arguments`` go to pytest. Raises CannotRun."""
    need_root()
    need_programs({"buildah": "buildah", "podman": "podman", "runc": "runc"})
    environment = {**os.environ, "EDGEVISION_EMULATED": "container", "EMULATED_ROOT": str(debian.build(ROOT))}
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "--full", "--no-header", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "tests/emulated/container", *arguments], env=environment, cwd=REPO, check=False
    ).returncode
