"""buildah and podman with storage of their own, so that images of this machine are neither used nor touched."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from pathlib import Path

from edgevision import default_model

BASE = "localhost/edgevision-test-base"
NAME = "localhost/edgevision-test"
TIMEOUT_S = 1800


class Containers:
    """Images and containers in one folder."""

    def __init__(self, folder: Path) -> None:
        """``folder``: an empty folder."""
        self.folder = folder
        config = folder / "storage.conf"
        config.write_text(
            f'[storage]\ndriver = "vfs"\nrunroot = "{folder / "run"}"\ngraphroot = "{folder / "graph"}"\n'
        )
        self._environment = {**os.environ, "CONTAINERS_STORAGE_CONF": str(config)}
        self._started: list[str] = []

    def import_base(self, root: Path) -> None:
        """Make the base image of a root."""
        container = self.run("buildah", "from", "scratch").strip()
        self.run("buildah", "add", "--quiet", container, root, "/")
        self.run("buildah", "commit", "--quiet", "--rm", container, BASE)

    def make_context(self) -> Path:
        """Write the folder that an image is built from, for this machine's architecture."""
        folder = self.folder / "context"
        options = ("--arch", platform.machine(), "--camera", "test:", "--format", "oci", "--quiet", "-o", folder)
        self.run(sys.executable, "-m", "edgevision", "bundle", default_model.path(), *options)
        return folder

    def build(self, context: Path) -> str:
        """Build an image and return its name; ``chroot``: builds need no more rights than this machine may give."""
        how = ("--isolation", "chroot", "--format", "docker", "--pull-never", "--build-arg", f"BASE={BASE}")
        self.run("buildah", "build", *how, "-t", NAME, context)
        return NAME

    def start(self, image: str, *options: object) -> str:
        """Start a container as compose.yaml does, as far as podman can do it without systemd, and return its id."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        own = ("--network=none", "--no-healthcheck", f"--ulimit=nofile={min(limit, 4096)}", "--ulimit=nproc=4096")
        safe = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges")
        found = self.podman("run", "--detach", *own, *safe, *options, image).split()[-1]
        self._started.append(found)
        return found

    def podman(self, *arguments: object, code: int = 0) -> str:
        """Run podman; runc also works where cgroups v1 and v2 are mixed."""
        return self.run("podman", "--runtime=runc", "--cgroup-manager=cgroupfs", *arguments, code=code)

    def run(self, *command: object, code: int = 0) -> str:
        """Run a command and return its output."""
        done = subprocess.run(
            list(map(str, command)),
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == code, f"exit {done.returncode}: {command}\n{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if code else "")

    def close(self) -> None:
        """End the containers that were started."""
        for one in self._started:
            self.podman("rm", "--force", one)
