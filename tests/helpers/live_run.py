"""``edgevision run --page`` as a program of its own, on a camera whose scene a test sets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from scene_camera import SceneCamera, scene_camera

START_S = 120
END_S = 120
"""Limits in case it never starts or ends."""


class LiveRun(NamedTuple):
    """A running loop with its page."""

    url: str
    camera: SceneCamera
    folder: Path
    """Holds run.toml and the state."""
    process: subprocess.Popen[bytes]

    @property
    def photos(self) -> Path:
        """Folder of the collected images."""
        return self.folder / "state" / "collected"


@contextmanager
def live_run(model: Path, scene: bytes, folder: Path, *arguments: str, host: str = "127.0.0.1") -> Iterator[LiveRun]:
    """Run the loop until the end of the block; ``scene``: the first image, as JPEG. A page on ``0.0.0.0`` needs a token."""
    config = folder / "run.toml"
    config.write_text('camera_name = "hide"\n')
    with scene_camera(scene) as camera, (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "edgevision", "run", str(model), "--source", camera.url, "--json"]
        command += ["--page", f"{host}:0", "--config", str(config), *arguments]
        state = {"STATE_DIRECTORY": str(folder / "state")}
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env={**os.environ, **state})
        try:
            yield LiveRun(_url(folder / "log", process), camera, folder, process)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def _url(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"page: http://\S+:(\d+)/", log.read_text(errors="replace")):
            return f"http://127.0.0.1:{found[1]}/"
        time.sleep(0.05)
    raise AssertionError(f"no page: {log.read_text(errors='replace')[-3000:]}")
