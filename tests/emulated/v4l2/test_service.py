"""``edgevision service`` under a real systemd with a real V4L2 device: started, killed, hung, out of memory, stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tools.emulation.board import Board

from .conftest import MODEL

PATIENCE_S = 600
"""How long anything on the board may take: a start of Python and the runtime alone takes most of a minute there."""
# Emulation is slow to start; all else is as installed.
DROP_IN = "[Service]\\nTimeoutStartSec=900\\n"


def _until(what: str, condition: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE_S, f"waited in vain: {what}"
        time.sleep(2)


class Service:
    """The installed service, as systemd and its own command tell of it."""

    def __init__(self, board: Board) -> None:
        self.board = board

    def show(self, *names: str) -> list[str]:
        """Values of systemd's properties, in the order of the names."""
        text = self.board.run(f"systemctl show edgevision {' '.join(f'-p {name}' for name in names)}")
        values = dict(line.split("=", 1) for line in text.splitlines())
        return [values[name] for name in names]

    def pid(self) -> int:
        """Of the loop; 0 while there is none."""
        return int(self.show("MainPID")[0])

    def is_up(self) -> bool:
        """Whether a frame was recognised since the last start."""
        return self.show("ActiveState", "SubState") == ["active", "running"]

    def came_back(self, old: int) -> bool:
        """Whether another process recognises frames."""
        return self.is_up() and self.pid() not in (0, old)

    def journal(self) -> str:
        """What the service and systemd wrote about it."""
        return self.board.run("journalctl --no-pager -o cat -u edgevision")

    def status(self) -> dict[str, Any]:
        """``service status --json``, whatever its exit status."""
        found: dict[str, Any] = json.loads(self.board.try_run("edgevision service status --json").stdout)
        return found


@pytest.fixture(scope="module")
def service(board: Board) -> Iterator[Service]:
    """Installed, and started."""
    # As pip would have it: found without anybody's environment.
    board.run("printf '/opt/edgevision\\n/opt/newest\\n' > /usr/lib/python3/dist-packages/edgevision.pth")
    board.run(f"mkdir -p /etc/systemd/system/edgevision.service.d && printf '{DROP_IN}' "
              "> /etc/systemd/system/edgevision.service.d/slow.conf")  # fmt: skip
    said = board.run(f"edgevision service install {MODEL} --camera 0", timeout_s=1000)
    assert "started: the first frame was recognised" in said
    yield Service(board)
    board.run("edgevision service uninstall --purge")


def test_it_runs_and_says_how_it_fares(service: Service) -> None:
    assert service.is_up()
    _until("a rate", lambda: "frames/s" in (service.status()["status"] or ""))
    found = service.status()
    assert (found["installed"], found["enabled"], found["active"], found["restarts"]) == (True, True, True, 0)
    assert found["memory_mb"] is not None
    assert found["since"] is not None
    words = service.board.run("edgevision service status")
    assert words.startswith("active (running) since 20")
    assert "it says: " in words


def test_it_may_do_little(service: Service) -> None:
    pid, run = service.pid(), service.board.run
    assert run(f"stat -c %u /proc/{pid}").strip() != "0"
    groups = run(f"sed -n 's/^Groups://p' /proc/{pid}/status").split()
    assert run("getent group video | cut -d: -f3").strip() in groups
    assert run(f"sed -n 's/^CapEff://p' /proc/{pid}/status").strip() == "0" * 16
    assert run(f"ls -A /proc/{pid}/root/home").strip() == ""
    for place in ("/etc", "/usr", "/var/lib"):
        assert service.board.try_run(f"touch /proc/{pid}/root{place}/written").returncode != 0
    exposure = run("systemd-analyze security --no-pager edgevision | tail -1")
    assert float(exposure.split(":")[1].split()[0]) <= 2.5, exposure


def test_a_killed_loop_comes_back(service: Service) -> None:
    old, restarts = service.pid(), int(service.show("NRestarts")[0])
    service.board.run(f"kill -KILL {old}")
    _until("another process", lambda: service.came_back(old))
    assert int(service.show("NRestarts")[0]) == restarts + 1
    assert "Failed with result 'signal'" in service.journal()


def test_a_hung_loop_is_found_by_the_watchdog(service: Service) -> None:
    old = service.pid()
    service.board.run(f"kill -STOP {old}")
    _until("another process", lambda: service.came_back(old))
    assert "Watchdog timeout" in service.journal()
    assert "Failed with result 'watchdog'" in service.journal()


def test_a_loop_that_takes_too_much_memory_ends_alone(service: Service) -> None:
    old = service.pid()
    service.board.run("systemctl set-property --runtime edgevision MemoryMax=24M")
    _until("the end by the kernel", lambda: "Failed with result 'oom-kill'" in service.journal())
    service.board.run("systemctl set-property --runtime edgevision MemoryMax=60%")
    _until("another process", lambda: service.came_back(old))
    assert service.status()["restarts"] >= 1


def test_stopping_is_clean_and_lasts(service: Service) -> None:
    service.board.run("systemctl stop edgevision")
    assert service.show("ActiveState", "Result") == ["inactive", "success"]
    done = service.board.try_run("edgevision service status")
    assert done.returncode == 3
    assert done.stdout.startswith("inactive (dead)")
    assert service.show("MainPID") == ["0"]


def test_a_configuration_that_makes_no_sense_is_told(service: Service) -> None:
    run = service.board.run
    run("cp /etc/edgevision/run.toml /root/kept.toml && echo 'colour = 5' >> /etc/edgevision/run.toml")
    assert service.board.try_run("systemctl start edgevision", timeout_s=1000).returncode != 0
    assert "no option 'colour'" in run("edgevision service logs --lines 20")
    assert not service.status()["active"]
    assert "no option 'colour'" in service.board.try_run("edgevision service status").stdout
    run("cp /root/kept.toml /etc/edgevision/run.toml && systemctl stop edgevision")
