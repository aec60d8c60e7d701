"""Two loops beside each other under a real systemd: one crashes or cannot run, and the other goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from documents import parse

from .machine import Service, ServiceMachine, until

DROP_IN = "/etc/systemd/system/edgevision@.service.d"


@pytest.fixture(scope="module")
def loops(machine: ServiceMachine) -> Iterator[tuple[Service, Service]]:
    """The loop without a name and one named door, both running."""
    run, command = machine.shell.run, f"{machine.edgevision} service"
    run(f"mkdir -p {DROP_IN} && printf '[Service]\\nTimeoutStartSec=900\\n' > {DROP_IN}/slow.conf")
    try:
        for option in ("", " --name door"):
            said = run(f"{command} install {machine.model} --camera {machine.camera}{option}", timeout_s=1000)
            assert "started: the first frame was recognized" in said
        yield Service(machine), Service(machine, "door")
    finally:
        for option in ("", " --name door"):
            run(f"{command} uninstall --purge{option}")
        run(f"rm -r {DROP_IN}")


def everything(service: Service) -> dict[str, Any]:
    """Return what ``service status --json`` prints without a name."""
    return parse(service.try_run(f"{service.edgevision} status --json").stdout, "service")


def test_both_run_apart_from_each_other(loops: tuple[Service, Service]) -> None:
    first, door = loops
    assert first.is_up() and door.is_up() and first.pid() != door.pid()
    for place in ("/var/lib", "/run"):
        owners = {first.run(f"stat -L -c %u {place}/{slug}").strip() for slug in ("edgevision", "edgevision-door")}
        assert len(owners) == 2, "each has a user of its own, and cannot read the other's folder"
    assert first.try_run(f"touch /proc/{first.pid()}/root/var/lib/edgevision-door/written").returncode != 0
    for one in loops:
        assert one.show("Slice", "CPUWeight")[0] == "system.slice"
    assert door.show("CPUWeight") == ["100"]
    until("health", lambda: '"frames"' in first.run("cat /run/edgevision-door/health.json"))
    found = everything(first)
    assert [found["active"], *(one["active"] for one in found["loops"])] == [True, True]
    words = first.run(f"{first.edgevision} status")
    assert words.startswith("edgevision:\n  active (running)") and "\nedgevision@door:\n  active (running)" in words


def test_crash_of_one_leaves_the_other_alone(loops: tuple[Service, Service]) -> None:
    first, door = loops
    kept, old = first.pid(), door.pid()
    door.run(f"kill -KILL {old}")
    until("another process", lambda: door.came_back(old))
    assert first.pid() == kept and first.show("NRestarts") == ["0"]
    assert "Failed with result 'signal'" in door.journal()
    assert "Failed with result" not in first.journal()


def test_loop_that_cannot_run_leaves_the_other_alone(loops: tuple[Service, Service]) -> None:
    first, door = loops
    kept, path = first.pid(), "/etc/edgevision/loops/door/run.toml"
    door.run(f"cp {path} /run/kept.toml && echo 'color = 5' >> {path}")
    assert door.try_run("systemctl restart edgevision@door", timeout_s=1000).returncode != 0
    done = first.try_run(f"{first.edgevision} status")
    assert done.returncode == 3 and "unknown option 'color'" in done.stdout
    assert first.is_up() and first.pid() == kept
    assert "unknown option 'color'" in first.run(f"{first.edgevision} logs --lines 100 --name door")
    door.run(f"cp /run/kept.toml {path} && systemctl restart edgevision@door", timeout_s=1000)
    until("door", door.is_up)


def test_camera_of_another_loop_is_refused(loops: tuple[Service, Service]) -> None:
    first, _ = loops
    first.run(
        "cp /etc/edgevision/run.toml /run/kept.toml && sed -i 's/^camera.*/camera = \"7\"/' /etc/edgevision/run.toml"
    )
    done = first.try_run(f"{first.edgevision} install --camera 7 --name yard")
    assert done.returncode == 1
    assert "camera 7 is used by the loop edgevision; choose another one with --camera" in done.stderr
    first.run("cp /run/kept.toml /etc/edgevision/run.toml")


def test_uninstall_of_one_leaves_the_other_alone(loops: tuple[Service, Service]) -> None:
    first, door = loops
    kept = first.pid()
    door.run(f"{door.edgevision} uninstall --name door")
    assert first.is_up() and first.pid() == kept
    assert door.try_run("systemctl cat edgevision@door").returncode != 0
    assert everything(first)["loops"] == []
