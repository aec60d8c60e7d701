"""The service with live page, metrics and a GPIO line of the kernel, while the camera's scene changes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from tools.emulation.board import Board

from ..service.machine import Service, ServiceMachine, until
from .conftest import MODEL

PAGE, METRICS, LINE = 8080, 9100, 5
LOG = "/var/lib/edgevision/log.jsonl"
CONFIG = f"""\
model = "{MODEL}"
camera = "0"
roi = "0.3,0.5,0.4,0.3"
threshold = 0.5
page = {PAGE}
[[outputs]]
spec = "metrics:{METRICS}"
[[outputs]]
spec = "gpio:gpiochip0/{LINE}=red"
[[outputs]]
spec = "gpio:fake/0=red"
[[outputs]]
spec = "jsonl:{LOG}"
only = "events"
"""
CHIP_RULE = 'SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"\n'
"""As Raspberry Pi OS has it."""
PATTERNS = {"red": 7, "green": 8, "blue": 9}
"""Numbers of the driver's plain scenes (v4l2-tpg.h)."""
SET_PATTERN = """\
import fcntl, os, struct, sys
S_CTRL, TEST_PATTERN = 0xC008561C, 0x00F0F000  # VIDIOC_S_CTRL, VIVID_CID_TEST_PATTERN
fcntl.ioctl(os.open("/dev/video0", os.O_RDWR), S_CTRL, struct.pack("II", TEST_PATTERN, int(sys.argv[1])))
"""
FETCH = """\
import sys, urllib.request
data = urllib.request.urlopen(sys.argv[1], timeout=60).read(int(sys.argv[2]))
sys.stdout.write(data.decode("latin-1"))
"""
WAIT_FOR_EVENT = """\
import json, sys, time, urllib.request
deadline = time.monotonic() + 200
kind = ""
for line in urllib.request.urlopen(sys.argv[1], timeout=60):
    name, _, value = line.decode().strip().partition(": ")
    kind = value if name == "event" else kind
    if name == "data" and kind == "event" and ((json.loads(value).get("label") or {}).get("name") == sys.argv[2]):
        sys.exit()
    if time.monotonic() > deadline:
        sys.exit("the event did not come")
"""


@pytest.fixture(scope="module")
def service(board: Board) -> Iterator[Service]:
    """The service on a camera that sees blue."""
    board.run(
        "printf '/opt/edgevision\\n/opt/newest\\n/opt/outputs\\n' > /usr/lib/python3/dist-packages/edgevision.pth"
    )
    board.run(
        f"printf %s {shlex.quote(CHIP_RULE)} > /etc/udev/rules.d/99-gpio.rules && (getent group gpio || groupadd -r gpio)"
    )
    board.run("udevadm control --reload && udevadm trigger --subsystem-match=gpio && udevadm settle")
    made = Service(ServiceMachine(board, "edgevision", MODEL, "0"))
    drop_in = "/etc/systemd/system/edgevision.service.d"  # starting is slow under emulation
    made.run(f"mkdir -p {drop_in} && printf '[Service]\\nTimeoutStartSec=900\\n' > {drop_in}/slow.conf")
    made.run(f"printf %s {shlex.quote(CONFIG)} > /root/outputs.toml")
    show(board, "blue")
    try:
        # On a busy machine the driver may send its first frame too late; systemd then starts the service again.
        made.try_run(f"{made.edgevision} install --config /root/outputs.toml --overwrite", timeout_s=1000)
        until("the service to be up", made.is_up)
        yield made
    finally:
        made.run(f"{made.edgevision} uninstall --purge && rm -r {drop_in}")
        show_bars(board)


def show(board: Board, color: str) -> None:
    """Make the camera see one color."""
    board.run(f"python3 -c {shlex.quote(SET_PATTERN)} {PATTERNS[color]}")


def show_bars(board: Board) -> None:
    """Make the camera see the color bars that it starts with."""
    board.run(f"python3 -c {shlex.quote(SET_PATTERN)} 0")


def fetch(board: Board, port: int, path: str, limit: int = 1_000_000) -> str:
    """Return what an HTTP server on the board answers, as Latin-1."""
    return board.run(f"python3 -c {shlex.quote(FETCH)} http://127.0.0.1:{port}{path} {limit}")


def level(board: Board) -> str:
    """Return the level of the line as the kernel shows it: hi, lo, or nothing if nobody holds it."""
    lines = board.run("cat /sys/kernel/debug/gpio").splitlines()
    held = [line.split() for line in lines if "|edgevision" in line]
    assert len(held) < 2, held
    return held[0][-1] if held else ""


def present(board: Board, port: int, color: str) -> bool:
    """Return whether the metrics say that a color is present."""
    return f'edgevision_label_present{{label="{color}"}} 1.0' in fetch(board, port, "/metrics")


def test_page_metrics_and_line_follow_the_scene(service: Service, board: Board) -> None:
    until("blue", lambda: present(board, METRICS, "blue"))
    assert level(board) == "lo"
    for _ in range(2):
        show(board, "red")
        until("red", lambda: present(board, METRICS, "red"))
        until("the line to be on", lambda: level(board) == "hi")
        assert present(board, PAGE, "red")
        show(board, "blue")
        until("blue again", lambda: present(board, METRICS, "blue"))
        until("the line to be off", lambda: level(board) == "lo")
        assert not present(board, PAGE, "red")


def test_page_answers_and_shows_the_events(service: Service, board: Board) -> None:
    assert fetch(board, PAGE, "/api/snapshot.jpg").startswith("\xff\xd8")
    assert '"ok":true' in fetch(board, PAGE, "/healthz").replace(" ", "")
    assert "<title>" in fetch(board, PAGE, "/")
    show(board, "red")
    board.run(f"python3 -c {shlex.quote(WAIT_FOR_EVENT)} http://127.0.0.1:{PAGE}/api/events red")
    show(board, "blue")


def test_outputs_lose_nothing_and_the_loop_has_few_permissions(service: Service, board: Board) -> None:
    events = service.run(f"cat {LOG}")
    assert '"red"' in events
    assert '"blue"' in events
    metrics = fetch(board, METRICS, "/metrics")
    for spec in (f"metrics:{METRICS}", f"gpio:gpiochip0/{LINE}=red", "gpio:fake/0=red", f"jsonl:{LOG}"):
        assert f'edgevision_output_up{{output="{spec}"}} 1.0' in metrics
        assert f'edgevision_output_dropped_total{{output="{spec}"}} 0.0' in metrics
    (groups,) = [line for line in service.run(f"cat /proc/{service.pid()}/status").splitlines() if "Groups" in line]
    assert service.run("getent group gpio | cut -d: -f3").strip() in groups.split()
    assert "/dev/gpiochip0 rw" in service.run("systemctl show edgevision -p DeviceAllow")


def test_line_is_off_and_free_after_the_end(service: Service, board: Board) -> None:
    service.run("systemctl stop edgevision")
    assert level(board) == ""
    assert service.show("ActiveState", "Result") == ["inactive", "success"]
