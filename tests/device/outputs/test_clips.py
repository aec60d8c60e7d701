"""Clips of events: what is recorded, real files played by OpenCV, FFmpeg's libraries and Chromium, and what may fail."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from edgevision.device.outputs.clips import encoder as encoder_module
from edgevision.device.outputs.clips import output as clips_output
from edgevision.device.outputs.clips.encode_child import size_for
from edgevision.device.outputs.clips.encoder import Encoder
from edgevision.device.outputs.clips.frame_ring import ClipFrame, FrameRing
from edgevision.device.outputs.clips.ivf import Packet, Video, read
from edgevision.device.outputs.clips.output import Clips
from edgevision.device.outputs.clips.recording import Recording
from edgevision.device.outputs.clips.webm import write
from edgevision.device.outputs.item import Item
from edgevision.device.outputs.media_folder import MediaFolder
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.outputs.protocol import Output
from edgevision.device.outputs.registry import find
from edgevision.device.outputs.shared_frame import FrameCache, SharedFrame
from edgevision.device.outputs.worker import OutputWorker

from edgevision.errors import BadInput
from edgevision.types import Frame, Label
from tests.helpers.chromium import PROGRAM, browser
from tests.helpers.output_parts import context, event, prediction

CAT = Label(0, "cat", 0.5)


def until(done: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert done()


@pytest.fixture(autouse=True, scope="module")
def patient() -> Iterator[None]:
    """Let outputs finish their clips at the end, however busy the machine is; a run gives them a few seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips_output, "ENCODE_S", 120.0)
        patch.setattr(Clips, "close_s", 120.0)
        yield


def moving(index: int, at_s: float | None, width: int = 320, height: int = 240) -> Frame:
    """Return a frame with a square that moves."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    x = 7 * index % (width - 40)
    pixels[60:100, x : x + 40] = (200, 30, 30)
    return Frame(pixels, "RGB", index, at_s, "test:")


def frame_item(index: int, at_s: float | None, width: int = 320, height: int = 240) -> Item:
    return Item(
        "frame", "2026-01-31T12:00:00.000Z", SharedFrame(moving(index, at_s, width, height), prediction(0.9), 0)
    )


def event_item(kind: str = "entered", name: str = "cat", score: float = 0.9) -> Item:
    made = event(kind, name, score)
    return Item("event", made.time, event=made)


def clips(folder: Path, more: str = "") -> Output:
    config = parse_spec(f"clips:{folder}{more}")
    output = find("clips").open(config, context())
    output.start()
    return output


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def times_ms(path: Path) -> list[int]:
    """Return the times of all frames, as FFmpeg's libraries read and decode them."""
    with av.open(str(path)) as file:
        return [round(float(one.time or 0) * 1000) for one in file.decode(video=0)]


def jpeg_frame(at_s: float, size: int = 100) -> ClipFrame:
    return ClipFrame(at_s, 1e9 + at_s, b"x" * size)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a real clip: frames at uneven times, an event at 3 s."""
    folder = tmp_path_factory.mktemp("clips")
    output = clips(folder, ",before=2,after=1,fps=30")
    at_s = 100.0
    for index in range(60):
        output.deliver(frame_item(index, at_s))
        if index == 30:
            output.deliver(event_item(name="cat", score=0.87))
        at_s += 0.05 if index % 2 else 0.15
    until(lambda: output.written == 1)
    output.close()
    (path,) = folder.iterdir()
    return path


def test_clip_covers_the_seconds_before_and_after_at_the_times_of_the_frames(clip: Path) -> None:
    assert clip.name.startswith("000001-") and clip.name.endswith("Z-cat-0.87.webm")
    times = times_ms(clip)
    gaps = {round(b - a, -1) for a, b in pairwise(times)}
    assert gaps == {50, 150}
    assert times[0] == 0
    assert 2900 <= times[-1] <= 3000
    assert clip.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_clip_is_decoded_by_opencv(clip: Path) -> None:
    film = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG)
    images = []
    while (found := film.read())[0]:
        images.append(found[1])
    film.release()
    assert len(images) == len(times_ms(clip))
    assert images[0].shape == (240, 320, 3)
    # The clip begins with the frame 2 s before the event, whose square is at a known place.
    red = images[0][80, :, 2].astype(int) - images[0][80, :, 0]
    assert abs(int(np.flatnonzero(red > 80).mean()) - (7 * 10 + 20)) <= 10


PAGE = """<!doctype html><title>waiting</title><video id=v muted src="clip.webm"></video><script>
const v = document.getElementById("v"), done = text => document.title = text;
v.onerror = () => done("error " + v.error.code + " " + v.error.message);
v.onloadedmetadata = () => { v.currentTime = v.duration / 2; };
v.onseeked = () => done(["played", v.duration, v.videoWidth, v.videoHeight, v.currentTime].join(" "));
</script>"""


@pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed; run: make packages")
def test_clip_plays_and_seeks_in_chromium(clip: Path, tmp_path: Path) -> None:
    shutil.copy(clip, tmp_path / "clip.webm")
    html = tmp_path / "page.html"
    html.write_text(PAGE)
    profile = tmp_path / "profile"
    profile.mkdir()
    with browser(profile) as page:
        page.open(html.as_uri())
        title = page.wait("document.title !== 'waiting' && document.title")
    what, *values = title.split()
    assert what == "played", title
    duration, width, height, position = map(float, values)
    assert 2.9 <= duration <= 3.2
    assert (width, height) == (320, 240)
    assert abs(position - duration / 2) < 0.1


def test_ring_is_bounded_in_time_and_bytes() -> None:
    ring = FrameRing(2.0, 1000)
    for number in range(100):
        ring.add(jpeg_frame(number / 10, 40))
    assert (len(ring), ring.bytes) == (21, 840)
    for number in range(100, 200):
        ring.add(jpeg_frame(number / 10, 100))
    assert (len(ring), ring.bytes) == (10, 1000)
    ring.add(jpeg_frame(0.0, 5000))  # a film from the start again; one frame is always kept
    assert (len(ring), ring.bytes) == (1, 5000)


def test_further_events_extend_a_clip_up_to_its_longest_length() -> None:
    recording = Recording(CAT, [jpeg_frame(0.0), jpeg_frame(5.0)], after_s=5, max_s=20, max_bytes=10**6)
    taken = []
    for second in range(6, 40):
        if second == 9:
            recording.extend(Label(1, "dog", 0.8), second)
        if second == 13:
            recording.extend(Label(0, "cat", 0.7), second)
            recording.extend(Label(0, "cat", 0.7), second + 5)
        if not recording.add(jpeg_frame(float(second))):
            break
        taken.append(second)
    assert taken == list(range(6, 21))
    assert recording.label.name == "dog"


def test_recording_ends_when_its_memory_is_used() -> None:
    recording = Recording(CAT, [jpeg_frame(0.0)], after_s=60, max_s=60, max_bytes=500)
    count = 1
    while recording.add(jpeg_frame(float(count))):
        count += 1
    assert recording.bytes == 500


def test_overlapping_events_make_one_clip(tmp_path: Path) -> None:
    output = clips(tmp_path, ",before=0.5,after=0.5")
    for index in range(30):
        output.deliver(frame_item(index, index / 10))
        if index in (8, 12, 15):
            output.deliver(event_item("changed"))
        if index == 20:
            output.deliver(event_item("left"))
    until(lambda: output.written == 1)
    output.close()
    (name,) = names(tmp_path)
    assert times_ms(tmp_path / name)[-1] == 1700  # 0.3 to 2.0
    assert output.lost == 0


def test_clip_that_is_not_finished_is_written_at_the_end(tmp_path: Path) -> None:
    output = clips(tmp_path, ",after=20")
    for index in range(10):
        output.deliver(frame_item(index, index / 10))
    output.deliver(event_item())
    output.close()
    assert output.written == 1
    assert len(times_ms(next(tmp_path.iterdir()))) == 10
    assert output.memory_bytes is not None and output.memory_bytes < 64_000_000


def test_frames_are_sampled_whatever_the_filter_selects(tmp_path: Path) -> None:
    config = parse_spec(f"clips:{tmp_path},labels=dog,before=1,after=0.2")
    sink = OutputWorker(find("clips").open(config, context()), config, context(), FrameCache(lambda: 0))
    for index in range(160):
        sink.write(moving(index, index / 200), prediction(0.9))  # 0.8 s; no dog in any
    until(lambda: sink.waiting == 0 or sink.problem)
    assert sink.problem is None
    sink.event(event(name="cat"))
    sink.event(event(name="dog"))
    assert sink.memory_bytes is not None
    sink.close()
    (name,) = names(tmp_path)
    assert name.endswith("-dog-0.90.webm")
    times = times_ms(tmp_path / name)
    assert {round(b - a, -1) for a, b in pairwise(times)} <= {90, 100}  # at most 10 a second, and some leeway
    assert times[0] == 0 and 700 <= times[-1] < 800
    assert (sink.written, sink.dropped) == (1, 0)


def test_film_is_sampled_by_its_own_time_however_fast_it_is_read(tmp_path: Path) -> None:
    config = parse_spec(f"clips:{tmp_path},before=3,after=0.2")
    sink = OutputWorker(find("clips").open(config, context()), config, context(), FrameCache(lambda: 0))
    for index in range(60):
        sink.write(replace(moving(index, None), position_s=index / 30), prediction(0.9))
    sink.event(event(index=59))
    sink.close()
    times = times_ms(next(tmp_path.iterdir()))
    assert {b - a for a, b in pairwise(times)} <= {99, 100, 101}
    assert len(times) == 20


def test_large_and_odd_frames_are_reduced_and_changing_sizes_fit(tmp_path: Path) -> None:
    output = clips(tmp_path, ",width=200")
    for index in range(6):
        size = (641, 479) if index < 3 else (320, 240)
        output.deliver(frame_item(index, index / 10, *size))
    output.deliver(event_item())
    output.close()
    film = cv2.VideoCapture(str(next(tmp_path.iterdir())), cv2.CAP_FFMPEG)
    assert (film.get(cv2.CAP_PROP_FRAME_WIDTH), film.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (200, 150)
    film.release()
    assert [size_for(641, 479, 640), size_for(100, 1, 640)] == [(640, 478), (100, 2)]


def test_hostile_label_is_harmless_in_name_and_title(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    output = clips(folder)
    output.deliver(frame_item(0, 0.0))
    output.deliver(frame_item(1, 0.1))
    output.deliver(event_item(name="../../x\x00\n<script>" + "字" * 10_000))
    output.close()
    assert (names(tmp_path), len(names(folder))) == (["in"], 1)
    with av.open(str(next(folder.iterdir()))) as file:
        title = file.metadata["title"]
    assert len(title) <= 200 and title.isprintable()


def test_failing_encoder_loses_the_clip_and_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_module, "CHILD", "edgevision.device.outputs.clips.absent")
    output = clips(tmp_path)
    output.deliver(frame_item(0, 0.0))
    output.deliver(event_item())
    output.close()
    assert (output.written, output.lost, output.failures) == (0, 1, 2)
    assert output.problem is not None and "No module named" in output.problem
    assert names(tmp_path) == []


def test_encoder_without_memory_loses_new_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Encoder, "_make", lambda self, _: self._stopping.wait(600) and False)
    encoder = Encoder(MediaFolder(tmp_path, 10**9, (".webm",)), 640, 10, 1000)
    for _ in range(3):
        encoder.add(Recording(CAT, [jpeg_frame(0.0, 600)], 1, 1, 10**6))
    assert (encoder.bytes, encoder.lost) == (600, 2)
    encoder.finish(0.05)
    assert (encoder.bytes, encoder.lost) == (0, 3)


KILLED = """
import sys, time
from pathlib import Path
from edgevision.device.outputs.clips import webm
from tests.device.outputs.test_clips import clips, event_item, frame_item

def killed_here(*_):
    print("encoded", flush=True)
    time.sleep(600)

webm.write = killed_here
output = clips(Path(sys.argv[1]), ",after=0.1")
for index in range(10):
    output.deliver(frame_item(index, index / 10))
output.deliver(event_item())
output.deliver(frame_item(10, 9.0))
time.sleep(600)
"""


def test_killed_process_leaves_no_clip_and_its_leftover_is_removed(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"encoded\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert list(tmp_path.glob("*.webm")) == []
    (left,) = tmp_path.glob(".clip-*.ivf")
    assert left.stat().st_size > 0
    clips(tmp_path).close()
    assert names(tmp_path) == []


def test_quota_deletes_the_oldest_clips(tmp_path: Path) -> None:
    folder = MediaFolder(tmp_path, 1000, (".webm",))
    folder.open()
    for number in range(5):
        folder.add("cat", 0.9, 1e9 + number, {".webm": b"x" * 400})
    assert [name[:6] for name in names(tmp_path)] == ["000004", "000005"]


@pytest.mark.parametrize("data", [b"", b"DKIF" + bytes(60), b"x" * 100])
def test_ivf_that_cannot_be_read_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="the encoder"):
        read(data)


def test_webm_refuses_frames_without_times() -> None:
    for packets in ([], [Packet(0, False, True, b"x")], [Packet(0, True, True, b"x"), Packet(5, False, True, b"x")]):
        with pytest.raises(ValueError, match="do not match"):
            write(Video(2, 2, packets), [0.0, 0.1], 0.0, "")


def test_settings_that_contradict_each_other_are_one_clear_line() -> None:
    with pytest.raises(BadInput, match="more than max_length"):
        parse_spec("clips:x,before=30,after=30")
    with pytest.raises(BadInput, match="leave only out"):
        parse_spec("clips:x,only=frames")
    assert Clips.takes == "events"
