"""Tests of the image of ``edgevision bundle --format oci``: it runs without rights, says how it is, and ends cleanly."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from .containers import Containers

CHECK = ("python", "-I", "-m", "edgevision.device.service.health_check")
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def running(containers: Containers, image: str) -> str:
    """A container whose loop has recognized something."""
    container = containers.start(image)
    began = time.monotonic()
    while "entered:" not in logs(containers, container):
        assert time.monotonic() - began < PATIENCE_S, logs(containers, container)
        time.sleep(1)
    return container


def logs(containers: Containers, container: str) -> str:
    """Return what a container wrote."""
    return containers.run("sh", "-c", f"podman --runtime=runc logs {container} 2>&1")


def test_loop_runs_as_a_user_without_rights(containers: Containers, running: str) -> None:
    said = containers.podman("exec", running, "id")
    assert "uid=10001(edgevision)" in said and "44(video)" in said
    assert "CapEff:\t0000000000000000" in containers.podman("exec", running, "cat", "/proc/1/status")
    assert (
        containers.podman("exec", running, "sh", "-c", "touch /opt/x 2>/dev/null || echo refused").strip() == "refused"
    )


def test_log_has_events_and_no_line_for_each_frame(containers: Containers, running: str) -> None:
    assert not [line for line in logs(containers, running).splitlines() if " test:: " in line]


def test_health_check_follows_the_loop(containers: Containers, running: str) -> None:
    assert "\nHEALTHCHECK " in (containers.folder / "context" / "Containerfile").read_text()
    containers.podman("exec", running, *CHECK)
    loop = int(containers.podman("inspect", running, "--format", "{{.State.Pid}}"))
    os.kill(loop, signal.SIGSTOP)
    try:
        containers.podman("exec", running, "touch", "-d", "5 minutes ago", "/dev/shm/health.json")
        assert "no frame was recognized for 30" in containers.podman("exec", running, *CHECK, code=1)
    finally:
        os.kill(loop, signal.SIGCONT)
    time.sleep(10)
    containers.podman("exec", running, *CHECK)


def test_image_does_not_hold_what_only_the_build_needed(containers: Containers, running: str) -> None:
    left = containers.podman(
        "exec", running, "sh", "-c", "ls -d /opt/edgevision/wheels /tmp/bundle 2>/dev/null || true"
    )
    assert left.strip() == ""


def test_own_configuration_replaces_that_of_the_image(containers: Containers, image: str, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text('model = "/opt/edgevision/current/model.tflite"\ncamera = "/dev/video9"\n')
    config.chmod(0o644)
    container = containers.start(image, "--volume", f"{config}:/etc/edgevision/run.toml:ro")
    time.sleep(8)
    assert "/dev/video9" in logs(containers, container)
    assert "Traceback" not in logs(containers, container)


def test_stopping_is_clean(containers: Containers, running: str) -> None:
    containers.podman("stop", "--time", "10", running)
    assert containers.podman("inspect", running, "--format", "{{.State.ExitCode}}").strip() == "0"
