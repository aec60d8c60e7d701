"""``edgevision run --camera 0`` on a real V4L2 device as an ordinary user: colors, permissions, unplugging, exit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from documents import parse, parse_lines

from tools.emulation.board import Board

from .conftest import MODEL

PATIENCE_S = 240
"""Timeout in seconds for anything on the board, many times what it takes."""
BARS = {"green": "0.39,0.3,0.09,0.3", "red": "0.64,0.3,0.09,0.3", "blue": "0.765,0.3,0.09,0.3"}
"""Regions with these colors in the driver's eight bars (white, yellow, cyan, green, magenta, red, blue, black)."""


def _lines(text: str) -> list[Any]:
    return list(parse_lines(text))


def _until(what: str, condition: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE_S, f"timed out waiting for {what}"
        time.sleep(1)


class Loop:
    """``edgevision run`` by user pi in the background, with its output in files on the board."""

    def __init__(self, board: Board, name: str) -> None:
        self.board, self.name = board, name
        options = f"--camera 0 --json --events --summary {name}.json --overwrite"
        board.run(f"nohup edgevision run {MODEL} {options} > {name}.out 2> {name}.err & echo $! > {name}.pid", "pi")

    def items(self) -> list[Any]:
        """Return the output lines so far; the last one may be incomplete."""
        whole, _, _ = self.board.run(f"cat /home/pi/{self.name}.out").rpartition("\n")
        return _lines(whole)

    def frames(self) -> int:
        """Return the number of frames reported."""
        return sum(item["type"] == "frame" for item in self.items())

    def events(self) -> list[str]:
        """Return the camera events in order."""
        kinds = [item["event"] for item in self.items() if item["type"] == "event"]
        return [kind for kind in kinds if kind.startswith("camera_")]

    def running(self) -> bool:
        """Return whether the process is alive."""
        return self.board.try_run(f"kill -0 $(cat /home/pi/{self.name}.pid)").returncode == 0

    def end(self, signal: str = "TERM") -> Any:
        """Send the signal, wait for the end and return the summary."""
        self.board.run(f"kill -{signal} $(cat /home/pi/{self.name}.pid)")
        _until(f"the end by SIG{signal}", lambda: not self.running())
        errors = self.board.run(f"cat /home/pi/{self.name}.err")
        assert "Traceback" not in errors, errors
        return parse(self.board.run(f"cat /home/pi/{self.name}.json"), "run")


def test_only_the_camera_is_listed(board: Board) -> None:
    nodes = board.run("ls /dev/video*").split()
    assert len(nodes) > 1, "the driver should also create output and metadata nodes"
    said = parse(board.run("edgevision cameras --json", "pi"), "cameras")
    assert len(said["cameras"]) == 1, said


def test_ordinary_user_reads_frames(board: Board) -> None:
    assert board.run("id -u; id -nG", "pi").split() == ["1000", "pi", "video"]
    frames = _lines(board.run(f"edgevision run {MODEL} --camera 0 --json --limit 20", "pi"))
    assert [frame["type"] for frame in frames] == ["frame"] * 20
    stamps = [frame["captured_at"] for frame in frames]
    assert stamps == sorted(set(stamps)), "each frame needs its own capture time"
    uptime = float(board.run("cut -d' ' -f1 /proc/uptime"))
    assert 0 < stamps[0] < uptime, "the time must be the driver's, on the board's clock"


@pytest.mark.parametrize("colour", sorted(BARS))
def test_colors_are_right(board: Board, colour: str) -> None:
    command = f"edgevision run {MODEL} --camera /dev/video0 --roi {BARS[colour]} --json --limit 3"
    frames = _lines(board.run(command, "pi"))
    assert {frame["labels"][0]["name"] for frame in frames} == {colour}


def test_user_outside_the_video_group_gets_a_hint(board: Board) -> None:
    done = board.try_run(f"edgevision run {MODEL} --camera 0 --json", "guest")
    assert done.returncode == 1
    assert "video" in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert "group" in done.stderr or "permission" in done.stderr.lower(), done.stderr


def test_node_that_is_not_a_camera_is_rejected(board: Board) -> None:
    done = board.try_run(f"edgevision run {MODEL} --camera /dev/video1 --json", "pi")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_loop_survives_unloading_and_reloading_the_driver(board: Board) -> None:
    loop = Loop(board, "unplug")
    _until("the first frames", lambda: loop.frames() >= 10)
    board.run("echo vivid.0 > /sys/bus/platform/drivers/vivid/unbind")  # rmmod waits for users; unplugging does not
    _until("camera_lost", lambda: "camera_lost" in loop.events())
    _until("the device to be free", lambda: board.try_run("rmmod vivid").returncode == 0)
    assert board.try_run("ls /dev/video0").returncode != 0
    before = loop.frames()
    board.run("modprobe vivid n_devs=1 && udevadm settle")
    _until("camera_back", lambda: "camera_back" in loop.events())
    _until("frames again", lambda: loop.frames() >= before + 10)
    items = loop.items()
    indices = [item["index"] for item in items if item["type"] == "frame"]
    assert indices == sorted(set(indices)), "frame numbers must continue where they stopped"
    summary = loop.end()
    assert loop.events() == ["camera_lost", "camera_back"]
    assert (summary["reconnects"], summary["errors"], summary["stopped_by"]) == (1, 0, "signal")


def test_sigterm_while_the_camera_is_gone_ends_the_loop_at_once(board: Board) -> None:
    loop = Loop(board, "away")
    _until("the first frames", lambda: loop.frames() >= 3)
    board.run("echo vivid.0 > /sys/bus/platform/drivers/vivid/unbind")
    _until("camera_lost", lambda: "camera_lost" in loop.events())
    summary = loop.end()
    assert summary["stopped_by"] == "signal"
    board.run("rmmod vivid && modprobe vivid n_devs=1 && udevadm settle")


def test_sigterm_and_ctrl_c_exit_with_their_status(board: Board) -> None:
    for signal, status in (("TERM", 0), ("INT", 130)):
        run = f"edgevision run {MODEL} --camera 0 --json --summary {signal}.json --overwrite > {signal}.out"
        done = board.try_run(f"timeout --preserve-status -s {signal} 30 {run}; echo $?", "pi")
        assert done.stdout.strip() == str(status), done.stderr
        assert parse(board.run(f"cat {signal}.json", "pi"), "run")["frames"] > 0


def test_device_is_free_after_the_end(board: Board) -> None:
    board.run(f"edgevision run {MODEL} --camera 0 --json --limit 2", "pi")
    board.run("rmmod vivid && modprobe vivid n_devs=1 && udevadm settle")
    assert len(_lines(board.run(f"edgevision run {MODEL} --camera 0 --json --limit 2", "pi"))) == 2


def test_system_shuts_down_while_the_loop_runs(board: Board) -> None:
    loop = Loop(board, "last")
    _until("the first frames", lambda: loop.frames() >= 3)
    assert board.power_off()
