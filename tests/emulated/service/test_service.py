"""Tests of ``edgevision service`` under a real systemd: started, killed, hung, out of memory, stopped, cut off from its files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .machine import Service, ServiceMachine, until

DROP_IN = "/etc/systemd/system/edgevision.service.d"


@pytest.fixture(scope="module")
def service(machine: ServiceMachine) -> Iterator[Service]:
    """The service, installed and started."""
    # Starting is slow under emulation; everything else is as installed.
    machine.shell.run(f"mkdir -p {DROP_IN} && printf '[Service]\\nTimeoutStartSec=900\\n' > {DROP_IN}/slow.conf")
    try:
        said = machine.shell.run(
            f"{machine.edgevision} service install {machine.model} --camera {machine.camera}", timeout_s=1000
        )
        assert "started: the first frame was recognized" in said
        yield Service(machine)
    finally:  # a service that did not start would keep the camera from the tests that follow
        machine.shell.run(f"{machine.edgevision} service uninstall --purge")
    assert machine.shell.try_run("systemctl cat edgevision").returncode != 0


def test_service_runs_and_reports_its_status(service: Service) -> None:
    assert service.is_up()
    until("a rate", lambda: "frames/s" in (service.status()["status"] or ""))
    found = service.status()
    assert (found["installed"], found["enabled"], found["active"], found["restarts"]) == (True, True, True, 0)
    assert found["memory_mb"] is not None
    assert found["since"] is not None
    words = service.run(f"{service.edgevision} status")
    assert words.startswith("active (running) since 20")
    assert "\nstatus: " in words


def test_service_has_few_permissions(service: Service) -> None:
    pid, run = service.pid(), service.run
    assert run(f"stat -c %u /proc/{pid}").strip() != "0"
    groups = run(f"sed -n 's/^Groups://p' /proc/{pid}/status").split()
    assert run("getent group video | cut -d: -f3").strip() in groups
    assert run(f"sed -n 's/^CapEff:\\s*//p' /proc/{pid}/status").strip() == "0" * 16
    assert run(f"sed -n 's/^NoNewPrivs:\\s*//p' /proc/{pid}/status").strip() == "1"
    for place in ("/etc", "/usr", "/var/lib"):
        assert service.try_run(f"touch /proc/{pid}/root{place}/written").returncode != 0
    exposure = run("systemd-analyze security --no-pager edgevision | tail -n 1")
    assert float(exposure.split(":")[1].split()[0]) <= 2.5, exposure


def test_killed_loop_is_restarted(service: Service) -> None:
    old, restarts = service.pid(), int(service.show("NRestarts")[0])
    service.run(f"kill -KILL {old}")
    until("another process", lambda: service.came_back(old))
    assert int(service.show("NRestarts")[0]) == restarts + 1
    assert "Failed with result 'signal'" in service.journal()


def test_watchdog_restarts_a_hung_loop(service: Service) -> None:
    old = service.pid()
    service.run(f"kill -STOP {old}")
    until("another process", lambda: service.came_back(old))
    assert "Watchdog timeout" in service.journal()
    assert "Failed with result 'watchdog'" in service.journal()


def test_loop_over_its_memory_limit_is_killed_alone(service: Service) -> None:
    old, before = service.pid(), ends(service)
    # Less than it needs to start: the running loop is killed here, the next ones by the kernel.
    service.run("systemctl set-property --runtime edgevision MemoryMax=16M")
    service.try_run(f"kill -KILL {old}")
    until("three ends", lambda: ends(service) >= before + 3)
    assert not service.is_up()
    service.run("systemctl set-property --runtime edgevision MemoryMax=60%")
    until("another process", lambda: service.came_back(old))


def ends(service: Service) -> int:
    """Return how often the loop was killed; systemd learns of the kernel's reason only under cgroups v2."""
    return sum(service.journal().count(f"Failed with result '{one}'") for one in ("oom-kill", "signal"))


def test_stop_is_clean_and_permanent(service: Service) -> None:
    service.run("systemctl stop edgevision")
    assert service.show("ActiveState", "Result") == ["inactive", "success"]
    done = service.try_run(f"{service.edgevision} status")
    assert done.returncode == 3
    assert done.stdout.startswith("inactive (dead)")
    assert service.show("MainPID") == ["0"]


def test_invalid_configuration_is_reported(service: Service) -> None:
    service.run("cp /etc/edgevision/run.toml /run/kept.toml && echo 'color = 5' >> /etc/edgevision/run.toml")
    assert service.try_run("systemctl restart edgevision", timeout_s=1000).returncode != 0
    assert "unknown option 'color'" in service.run(f"{service.edgevision} logs --lines 20")
    assert not service.status()["active"]
    assert "unknown option 'color'" in service.try_run(f"{service.edgevision} status").stdout
    service.run("cp /run/kept.toml /etc/edgevision/run.toml && systemctl stop edgevision")


def test_service_comes_back_when_its_folder_does(service: Service) -> None:
    service.run("systemctl restart edgevision", timeout_s=1000)
    service.run("mv /etc/edgevision /etc/elsewhere")
    assert service.try_run("systemctl restart edgevision", timeout_s=1000).returncode != 0
    assert service.show("ActiveState") == ["activating"], "systemd tries again"
    before = int(service.show("NRestarts")[0])
    until("several failed starts", lambda: int(service.show("NRestarts")[0]) > before + 2)
    assert "config file not found: /etc/edgevision/run.toml" in service.journal()
    service.run("mv /etc/elsewhere /etc/edgevision")
    until("a start by itself", service.is_up)
    service.run("systemctl stop edgevision")


def test_camera_password_reaches_only_the_service(service: Service) -> None:
    """Nothing listens at the address: the error in the journal shows that the loop has read the URL."""
    camera = "http://me:hush@127.0.0.1:9/"
    service.run(f"{service.edgevision} install --camera {camera} --overwrite --no-start")
    assert service.run("stat -c '%a %U' /etc/edgevision/run.toml").split() == ["600", "root"]
    assert "hush" not in service.run("systemctl cat edgevision")
    service.run("systemctl daemon-reload")
    service.try_run("systemctl restart --no-block edgevision")
    until("the error", lambda: "cannot open http://***@127.0.0.1:9/" in service.journal())
    assert "hush" not in service.journal()
    service.run("systemctl stop edgevision")
