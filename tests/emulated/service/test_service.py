"""``edgevision service`` under a real systemd: started, killed, hung, out of memory, stopped, not startable."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .machine import Service, ServiceMachine, until

DROP_IN = "/etc/systemd/system/edgevision.service.d"


@pytest.fixture(scope="module")
def service(machine: ServiceMachine) -> Iterator[Service]:
    """Installed, and started."""
    # Emulation is slow to start; all else is as installed.
    machine.shell.run(f"mkdir -p {DROP_IN} && printf '[Service]\\nTimeoutStartSec=900\\n' > {DROP_IN}/slow.conf")
    said = machine.shell.run(
        f"{machine.edgevision} service install {machine.model} --camera {machine.camera}", timeout_s=1000
    )
    assert "started: the first frame was recognized" in said
    yield Service(machine)
    machine.shell.run(f"{machine.edgevision} service uninstall --purge")
    assert machine.shell.try_run("systemctl cat edgevision").returncode != 0


def test_it_runs_and_says_how_it_fares(service: Service) -> None:
    assert service.is_up()
    until("a rate", lambda: "frames/s" in (service.status()["status"] or ""))
    found = service.status()
    assert (found["installed"], found["enabled"], found["active"], found["restarts"]) == (True, True, True, 0)
    assert found["memory_mb"] is not None
    assert found["since"] is not None
    words = service.run(f"{service.edgevision} status")
    assert words.startswith("active (running) since 20")
    assert "it says: " in words


def test_it_may_do_little(service: Service) -> None:
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


def test_a_killed_loop_comes_back(service: Service) -> None:
    old, restarts = service.pid(), int(service.show("NRestarts")[0])
    service.run(f"kill -KILL {old}")
    until("another process", lambda: service.came_back(old))
    assert int(service.show("NRestarts")[0]) == restarts + 1
    assert "Failed with result 'signal'" in service.journal()


def test_a_hung_loop_is_found_by_the_watchdog(service: Service) -> None:
    old = service.pid()
    service.run(f"kill -STOP {old}")
    until("another process", lambda: service.came_back(old))
    assert "Watchdog timeout" in service.journal()
    assert "Failed with result 'watchdog'" in service.journal()


def test_a_loop_that_takes_too_much_memory_ends_alone(service: Service) -> None:
    old, before = service.pid(), ends(service)
    # Less than it needs to start: this one is ended here, those after it by the kernel.
    service.run("systemctl set-property --runtime edgevision MemoryMax=16M")
    service.try_run(f"kill -KILL {old}")
    until("three ends", lambda: ends(service) >= before + 3)
    assert not service.is_up()
    service.run("systemctl set-property --runtime edgevision MemoryMax=60%")
    until("another process", lambda: service.came_back(old))


def ends(service: Service) -> int:
    """How often it was killed; systemd hears of the kernel's reason under version 2 of cgroups alone."""
    return sum(service.journal().count(f"Failed with result '{one}'") for one in ("oom-kill", "signal"))


def test_stopping_is_clean_and_lasts(service: Service) -> None:
    service.run("systemctl stop edgevision")
    assert service.show("ActiveState", "Result") == ["inactive", "success"]
    done = service.try_run(f"{service.edgevision} status")
    assert done.returncode == 3
    assert done.stdout.startswith("inactive (dead)")
    assert service.show("MainPID") == ["0"]


def test_a_configuration_that_makes_no_sense_is_told(service: Service) -> None:
    service.run("cp /etc/edgevision/run.toml /run/kept.toml && echo 'colour = 5' >> /etc/edgevision/run.toml")
    assert service.try_run("systemctl restart edgevision", timeout_s=1000).returncode != 0
    assert "no option 'colour'" in service.run(f"{service.edgevision} logs --lines 20")
    assert not service.status()["active"]
    assert "no option 'colour'" in service.try_run(f"{service.edgevision} status").stdout
    service.run("cp /run/kept.toml /etc/edgevision/run.toml && systemctl stop edgevision")
