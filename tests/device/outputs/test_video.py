"""A video of the whole run: every frame of a film, readable at any time, with what the model says drawn on it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from chromium import PROGRAM, browser
from edgevision.device.outputs.clips.ivf import Packet
from edgevision.device.outputs.item import Item
from edgevision.device.outputs.output_queue import OutputQueue
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.outputs.registry import find
from edgevision.device.outputs.shared_frame import SharedFrame
from edgevision.device.outputs.video import output as video_output
from edgevision.device.outputs.video.growing_webm import GrowingWebm, Size
from edgevision.device.outputs.video.output import VideoRecording
from output_parts import context, frame_item, prediction

from edgevision.errors import BadInput, CannotWrite
from edgevision.types import Frame

GRAY, RED = (90, 90, 90), (200, 30, 30)


def recording(path: Path, more: str = "", live: bool = False) -> VideoRecording:
    config = parse_spec(f"video:{path}{more}")
    found = find("video").open(config, replace(context(), live=live))
    assert isinstance(found, VideoRecording)
    found.start()
    return found


def deliver(output: VideoRecording, times_s: Sequence[float | None], width: int = 320, height: int = 240) -> None:
    """Deliver frames with a red square that moves to the right."""
    for index, at_s in enumerate(times_s):
        pixels = np.full((height, width, 3), GRAY, np.uint8)
        pixels[100:140, 4 * index % 200 : 4 * index % 200 + 40] = RED
        shown = SharedFrame(Frame(pixels, "RGB", index, position_s=at_s, source="film"), prediction(0.9), 0)
        output.deliver(Item("frame", "2026-01-31T12:00:00.000Z", shown))


def decoded(path: Path) -> list[tuple[int, np.ndarray]]:
    """Return time in ms and pixels of all frames that FFmpeg's libraries read."""
    found = []
    with av.open(str(path)) as file, suppress(av.error.EOFError):
        found += [(round(float(one.time or 0) * 1000), one.to_ndarray(format="rgb24")) for one in file.decode(video=0)]
    return found


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """Return a finished video of 36 frames in three parts, and what of it was on the disk before the last part and the end."""
    path = tmp_path_factory.mktemp("video") / "out.webm"
    output = recording(path)
    deliver(output, [index / 4 for index in range(36)])
    cut = path.read_bytes()
    output.close()
    assert (output.written, output.lost) == (36, 0)
    return path, cut


def test_every_frame_is_there_at_its_time_with_the_labels(film: tuple[Path, bytes]) -> None:
    found = decoded(film[0])
    assert [at for at, _ in found] == [250 * index for index in range(36)]
    assert found[0][1].shape == (240, 320, 3)
    first = found[0][1].astype(int)
    assert np.abs(first[120, 20] - RED).max() < 40 and np.abs(first[200, 300] - GRAY).max() < 20
    assert np.abs(first[:40, :100] - GRAY).max() > 60, "the label is drawn"


def test_players_find_duration_and_places(film: tuple[Path, bytes]) -> None:
    with av.open(str(film[0])) as file:
        assert file.duration == pytest.approx(9_000_000, abs=300_000)
        file.seek(6_000_000)
        assert 4.0 <= float(next(file.decode(video=0)).time or 0) <= 6.0
    assert not list(film[0].parent.glob(".*"))


@pytest.mark.parametrize("lost", [0, 1, 700])
def test_file_cut_off_by_a_power_loss_plays_to_its_last_whole_frame(
    film: tuple[Path, bytes], tmp_path: Path, lost: int
) -> None:
    cut = tmp_path / "cut.webm"
    cut.write_bytes(film[1][: len(film[1]) - lost])
    count = len(decoded(cut))
    assert count == 32 if not lost else 24 <= count <= 32
    image = cv2.VideoCapture(str(cut), cv2.CAP_FFMPEG).read()
    assert image[0]


def test_earlier_video_is_set_aside_and_the_oldest_are_deleted(film: tuple[Path, bytes], tmp_path: Path) -> None:
    path = tmp_path / "door.webm"
    for number in (1, 2, 3):
        (tmp_path / f"door.2026010{number}T000000Z.webm").write_bytes(b"older")
    path.write_bytes(film[1])  # a power cut ended it
    output = recording(path, ",keep=2")
    deliver(output, [0.0, 0.1])
    output.close()
    assert len(decoded(path)) == 2
    aside = sorted(one for one in tmp_path.iterdir() if one != path)
    assert aside[0].name == "door.20260103T000000Z.webm" and len(aside) == 2
    assert aside[1].read_bytes() == film[1]


def test_full_file_begins_a_new_one(tmp_path: Path) -> None:
    output = recording(tmp_path / "out.webm", ",max_size=1000,keep=1,fps=30")
    deliver(output, [index / 4 for index in range(34)])
    output.close()
    assert len(decoded(tmp_path / "out.webm")) == 2
    assert sorted(len(decoded(path)) for path in tmp_path.iterdir()) == [2, 16], "one of 16 frames was deleted"


def test_single_images_last_a_second_and_another_size_begins_a_new_file(tmp_path: Path) -> None:
    output = recording(tmp_path / "out.webm")
    deliver(output, [None, None])
    output._finish_part()
    deliver(output, [None, None], 400, 300)
    output.close()
    sizes = {decoded(path)[0][1].shape[:2]: [at for at, _ in decoded(path)] for path in tmp_path.iterdir()}
    assert sizes == {(240, 320): [0, 1000], (300, 400): [0, 1000]}


def test_dead_encoder_loses_its_part_and_the_video_goes_on(tmp_path: Path) -> None:
    output = recording(tmp_path / "out.webm")
    deliver(output, [index / 4 for index in range(20)])
    output.interrupt()
    with pytest.raises(OSError, match=r"the encoder ended with -9|was not encoded"):
        deliver(output, [5 + index / 4 for index in range(200)])
    output.start()
    deliver(output, [70.0, 70.25])
    output.close()
    times = [at for at, _ in decoded(tmp_path / "out.webm")]
    assert len(times) == 18 and times[-2:] == [70_000, 70_250]
    assert output.lost >= 4


def test_full_disk_is_one_line_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = recording(tmp_path / "out.webm")
    deliver(output, [index / 4 for index in range(20)])
    monkeypatch.setattr(video_output, "is_almost_full", lambda folder, size: True)
    with pytest.raises(CannotWrite, match="the disk is almost full"):
        deliver(output, [5 + index / 4 for index in range(20)])
    monkeypatch.undo()
    output.close()
    assert len(decoded(tmp_path / "out.webm")) >= 16


def test_failed_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = GrowingWebm(tmp_path / "a.webm", Size(320, 240), 0.0, "t")
    before = file.bytes

    class Full:
        def __init__(self, inner: object) -> None:
            self.inner = inner

        def write(self, data: bytes) -> int:
            return self.inner.write(data[: len(data) // 2])  # type: ignore[attr-defined, no-any-return]

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

    inner, file._file = file._file, Full(file._file)  # type: ignore[assignment]
    with pytest.raises(OSError, match="full"):
        file.add([Packet(0, True, True, b"x" * 100)], [0])
    assert inner.tell() == before == (tmp_path / "a.webm").stat().st_size


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("video:out.mp4", "give a name that ends with .webm"),
        ("video:out.webm,labels=cat", "records every frame"),
        ("video:out.webm,only=events", "records every frame"),
    ],
)
def test_wrong_settings_are_one_line(spec: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parse_spec(spec)


def test_folder_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.webm").mkdir()
    with pytest.raises(CannotWrite, match="not a regular file"):
        recording(tmp_path / "out.webm")


def test_queue_can_be_waited_for() -> None:
    queue = OutputQueue(newest_frame=False)
    for index in range(3):
        queue.put(frame_item(index))
    queue.wait_for_space(4, 60)  # returns at once
    queue.wait_for_space(3, 0.01)
    assert len(queue) == 3 and queue.dropped == 0


PATIENT_RUN = """
from edgevision.device.outputs.video.output import VideoRecording
VideoRecording.close_s = 120.0
from edgevision.__main__ import main
main()
"""
"""The command, with more time for the last part at its end than a run has: a busy machine encodes slowly."""


def test_command_records_all_of_a_film(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (96, 96))
    for index in range(60):
        writer.write(np.full((96, 96, 3), (4 * index, 90, 30), np.uint8))
    writer.release()
    line = [sys.executable, "-P", "-c", PATIENT_RUN, "run", "--source", "film.avi", "--to", "video:out.webm", "--quiet"]
    done = subprocess.run([*line, "--summary", "run.json"], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert [at for at, _ in decoded(tmp_path / "out.webm")] == [100 * index for index in range(60)]
    (sink,) = (one for one in json.loads((tmp_path / "run.json").read_text())["sinks"] if "video" in one["spec"])
    assert (sink["written"], sink["dropped"]) == (60, 0)


PAGE = """<!doctype html><title>waiting</title><video id=v muted src="out.webm"></video><script>
const v = document.getElementById("v"), done = text => document.title = text;
v.onerror = () => done("error " + v.error.code + " " + v.error.message);
v.onended = () => done(["ended", v.currentTime, v.videoWidth, v.videoHeight].join(" "));
v.onloadedmetadata = () => { v.playbackRate = 8; v.play(); };
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed; run: make packages")
@pytest.mark.parametrize(("cut", "seconds"), [(False, 9.0), (True, 8.0)], ids=["finished", "after a power cut"])
def test_chromium_plays_it_to_the_end(film: tuple[Path, bytes], tmp_path: Path, cut: bool, seconds: float) -> None:
    (tmp_path / "out.webm").write_bytes(film[1] if cut else film[0].read_bytes())
    (tmp_path / "page.html").write_text(PAGE)
    profile = tmp_path / "profile"
    profile.mkdir()
    with browser(profile) as page:
        page.open((tmp_path / "page.html").as_uri())
        page.wait("document.title !== 'waiting'", 120)
        said = str(page.js("document.title")).split()
    assert said[0] == "ended" and said[2:] == ["320", "240"], said
    assert float(said[1]) == pytest.approx(seconds, abs=0.5)
