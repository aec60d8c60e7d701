"""Cameras and other sources: frames delivered, frames dropped, ending, and error messages."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from edgevision.device.cameras.backends.pattern import PatternReader
from edgevision.device.cameras.registry import PREFIXES, open_camera, open_source
from edgevision.device.cameras.wrappers.reader_thread import EveryFrame, NewestFrame
from edgevision.device.loop.fakes import FakeCamera
from edgevision.device.stream.events import Unreadable
from edgevision.device.stream.protocols import Reader
from edgevision.device.system.clock import Clock

from edgevision.errors import BadImage, BadInput, CameraLost, MissingFile, UnknownName
from edgevision.preprocessing import decode
from edgevision.types import Frame


class HandClock:
    """A clock that advances only while something sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: 1_700_000_000.0 + self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class GatedReader(Reader):
    """Delivers a numbered frame each time the gate is released."""

    spec = "gated"
    description = "a camera controlled by the test"

    def __init__(self, count: int | None = None, error: Exception | None = None) -> None:
        self.gate = threading.Semaphore(0)
        self.taken = threading.Semaphore(0)
        self.closed = threading.Event()
        self._count, self._error, self._index = count, error, 0

    def read(self) -> Frame | None:
        self.gate.acquire()
        if self._count is not None and self._index >= self._count:
            if self._error is not None:
                raise self._error
            return None
        frame = Frame(np.full((2, 2, 3), self._index, np.uint8), "BGR", self._index, float(self._index), self.spec)
        self._index += 1
        self.taken.release()
        return frame

    def close(self) -> None:
        self.closed.set()


def video(path: Path, count: int, size: tuple[int, int] = (64, 48), fps: float = 25) -> Path:
    """Write a video whose frames get brighter."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, size)
    assert writer.isOpened()
    for index in range(count):
        writer.write(np.full((size[1], size[0], 3), index * 250 // count, np.uint8))
    writer.release()
    return path


def picture(path: Path, value: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(decode.encode_png(Frame(np.full((8, 12, 3), value, np.uint8), "BGR")))
    return path


def frames(source: object) -> list[Frame]:
    found = list(source)  # type: ignore[call-overload]
    assert all(isinstance(item, Frame) for item in found)
    return found


# --- from the reading thread to the loop


def test_newest_frame_drops_and_counts_older_frames() -> None:
    reader = GatedReader(count=5)
    camera = NewestFrame(reader, timeout_s=120)
    stream = iter(camera)
    reader.gate.release()
    assert next(stream).index == 0
    for _ in range(4):  # the loop is busy meanwhile
        reader.gate.release()
    for _ in range(5):
        reader.taken.acquire()
    reader.gate.release()  # the end
    assert reader.closed.wait(120)
    newest = next(stream)
    assert newest.index == 4
    assert camera.dropped == 3
    assert next(stream, None) is None


def test_hanging_camera_is_lost() -> None:
    camera = NewestFrame(GatedReader(), timeout_s=0.01)
    with pytest.raises(CameraLost, match=r"gated sent no frame for 0\.01 s"):
        next(iter(camera))


def test_failing_camera_is_lost_after_delivering_its_last_frame() -> None:
    reader = GatedReader(count=1, error=CameraLost("gone"))
    reader.gate.release(2)
    stream = iter(NewestFrame(reader, timeout_s=120))
    assert next(stream).index == 0
    with pytest.raises(CameraLost, match="gone"):
        next(stream)


def test_close_from_another_thread_ends_the_iteration_and_frees_the_device() -> None:
    reader = GatedReader()
    camera = NewestFrame(reader, timeout_s=120)
    closer = threading.Timer(0.05, lambda: (camera.close(), reader.gate.release()))
    closer.start()
    assert list(camera) == []
    closer.join()
    assert reader.closed.wait(120)
    camera.close()


def test_close_before_the_first_frame_frees_the_device() -> None:
    reader = GatedReader()
    camera = NewestFrame(reader)
    camera.close()
    assert reader.closed.is_set()
    assert list(camera) == []


def test_every_frame_drops_nothing_and_reads_ahead_only_to_its_depth() -> None:
    reader = GatedReader(count=20)
    reader.gate.release(21)
    camera = EveryFrame(reader, depth=2)
    stream = iter(camera)
    assert next(stream).index == 0
    for _ in range(4):  # the first, two in the queue and one waiting for space
        reader.taken.acquire()
    assert not reader.taken.acquire(timeout=0.05)
    assert [frame.index for frame in stream] == list(range(1, 20))
    assert camera.dropped == 0


def test_every_frame_closes_while_its_reader_waits() -> None:
    reader = GatedReader(count=20)
    reader.gate.release(21)
    camera = EveryFrame(reader, depth=1)
    next(iter(camera))
    camera.close()
    assert reader.closed.is_set()


# --- test:


def test_pattern_moves_at_the_rate_of_its_clock() -> None:
    hand = HandClock()
    reader = PatternReader("test:", 64, 48, 10.0, hand.clock())
    first, second, third = reader.read(), reader.read(), reader.read()
    assert [f.captured_at for f in (first, second, third)] == pytest.approx([100.0, 100.1, 100.2])
    assert [f.index for f in (first, second, third)] == [0, 1, 2]
    assert first.order == "BGR"
    assert (first.width, first.height) == (64, 48)
    assert not np.array_equal(first.pixels, second.pixels)


def test_late_read_of_the_pattern_does_not_catch_up() -> None:
    hand = HandClock()
    reader = PatternReader("test:", 64, 48, 10.0, hand.clock())
    reader.read()
    hand.now = 200.0
    assert reader.read().captured_at == 200.0
    assert reader.read().captured_at == pytest.approx(200.1)


@pytest.mark.parametrize(
    ("spec", "size", "live"),
    [
        ("test:", (640, 480), True),
        ("test:fast", (640, 480), False),
        ("test:320x240@1000", (320, 240), True),
        ("test:32x16@fast", (32, 16), False),
    ],
)
def test_pattern_specs(spec: str, size: tuple[int, int], live: bool) -> None:
    camera = open_camera(spec)
    try:
        frame = next(iter(camera))
        assert (frame.width, frame.height) == size
        assert camera.live is live
        assert (frame.captured_at is not None) is live
        assert (camera.spec, frame.source) == (spec, spec)
    finally:
        camera.close()


@pytest.mark.parametrize("spec", ["test:wide", "test:0x0", "test:99999x10", "test:640x480@0", "test:640x480@9999"])
def test_invalid_pattern_specs_are_rejected(spec: str) -> None:
    with pytest.raises(BadInput, match=spec):
        open_camera(spec)


# --- files and folders


def test_video_delivers_every_frame_with_its_position(tmp_path: Path) -> None:
    found = frames(open_source(str(video(tmp_path / "film.avi", 40))))
    assert [f.index for f in found] == list(range(40))
    assert [f.position_s for f in found] == pytest.approx([i * 0.04 for i in range(40)], abs=1e-3)
    assert {f.captured_at for f in found} == {None}
    assert {f.order for f in found} == {"BGR"}
    assert found[0].pixels.mean() < 10 < 230 < found[-1].pixels.mean()


def test_video_keeps_its_colors(tmp_path: Path) -> None:
    path = tmp_path / "blue.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    writer.write(np.full((48, 64, 3), (255, 0, 0), np.uint8))
    writer.release()
    (frame,) = frames(open_source(str(path)))
    blue = {"BGR": 0, "RGB": 2}[frame.order]
    assert frame.pixels[..., blue].mean() > 200 > 60 > frame.pixels[..., 2 - blue].mean()


@pytest.mark.parametrize("name", ["film.avi", "film.mp4", "notes.txt", "film"])
@pytest.mark.parametrize("data", [b"", b"hello, I am no film\n" * 200, bytes(range(256)) * 40])
def test_file_that_is_not_a_video_gives_a_one_line_error(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(BadInput, match="as a video") as caught:
        open_source(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_truncated_video_delivers_the_frames_it_has(tmp_path: Path) -> None:
    path = video(tmp_path / "film.avi", 40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    *found, end = open_source(str(path))
    assert 5 <= len(found) < 40
    assert all(isinstance(item, Frame) for item in found)
    assert isinstance(end, Unreadable)
    assert end.index == len(found)
    assert f"film.avi ends after {len(found)} of 40 frames" in end.message


def test_folder_delivers_images_in_order_and_an_error_for_a_bad_one(tmp_path: Path) -> None:
    names = ["b.png", "a/2.png", "a/1.png", "c.png"]
    for value, name in enumerate(names):
        picture(tmp_path / name, value * 50)
    (tmp_path / "b2.jpg").write_bytes(b"\xff\xd8\xff no image")
    (tmp_path / "notes.txt").write_text("not an image")
    camera = open_source(str(tmp_path))
    found = list(camera)
    assert [Path(item.source).relative_to(tmp_path).as_posix() for item in found] == [
        "a/1.png", "a/2.png", "b.png", "b2.jpg", "c.png",
    ]  # fmt: skip
    assert [item.index for item in found] == list(range(5))
    bad = found[3]
    assert isinstance(bad, Unreadable)
    assert "b2.jpg" in bad.message
    assert not camera.live
    assert camera.dropped == 0


def test_folder_with_unsupported_and_special_files_names_them_once(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 10)
    (tmp_path / "b.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    os.mkfifo(tmp_path / "c.jpg")
    (tmp_path / "back").symlink_to(tmp_path)
    camera = open_source(str(tmp_path))
    assert camera.description == (
        "1 image; 1 file of type .heic was left out: convert it to JPEG or PNG; 1 entry was left out: c.jpg (a pipe)"
    )
    assert len(list(camera)) == 1
    (tmp_path / "a.png").unlink()
    with pytest.raises(BadInput, match=r"no images found in .*; 1 file of type .heic was left out"):
        open_source(str(tmp_path))


def test_unsupported_image_is_named_instead_of_opened_as_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    with pytest.raises(BadImage, match=r"a.heic: the content is HEIC, which is not supported; save it as JPEG or PNG"):
        open_source(str(path))


def test_deep_glob_pattern_survives_links_that_lead_back(tmp_path: Path) -> None:
    for name in ("1.png", "a/2.png", "a/b/3.png", "a/b/4.jpg", "x/b/5.png"):
        picture(tmp_path / name, 10)
    for folder in ("a", "a/b", "x"):
        (tmp_path / folder / "back").symlink_to(tmp_path)
        (tmp_path / folder / "up").symlink_to("..")
    for pattern, wanted in (
        ("**/*.png", ["1.png", "a/2.png", "a/b/3.png", "x/b/5.png"]),
        ("a/**/*.png", ["a/2.png", "a/b/3.png"]),
        ("**/b/*.*", ["a/b/3.png", "a/b/4.jpg", "x/b/5.png"]),
        ("*/b/**", ["a/b/3.png", "a/b/4.jpg", "x/b/5.png"]),
    ):
        found = [Path(item.source).relative_to(tmp_path).as_posix() for item in open_source(str(tmp_path / pattern))]
        assert [name for name in found if "back" not in name and "up" not in name] == wanted


def test_glob_pattern_selects_images(tmp_path: Path) -> None:
    for value, name in enumerate(["b.png", "a/1.png", "a/2.png", "a/2.txt"]):
        picture(tmp_path / name, value * 50)
    found = frames(open_source(str(tmp_path / "**" / "*[12].*")))
    assert [Path(item.source).name for item in found] == ["1.png", "2.png"]
    with pytest.raises(BadInput, match=r"no image matches '.*\.jpg'"):
        open_source(str(tmp_path / "*.jpg"))
    picture(tmp_path / "[1].png", 7)  # a file with exactly this name takes precedence
    (frame,) = frames(open_source(str(tmp_path / "[1].png")))
    assert frame.source.endswith("[1].png")


def test_single_image(tmp_path: Path) -> None:
    (frame,) = frames(open_source(str(picture(tmp_path / "one.png", 7))))
    assert (frame.width, frame.height, frame.source) == (12, 8, str(tmp_path / "one.png"))


def test_single_damaged_image_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "one.jpg"
    path.write_bytes(b"hello")
    with pytest.raises(BadImage, match=r"one\.jpg"):
        open_source(str(path))


def test_folder_without_images_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadInput, match="no images found in"):
        open_source(str(tmp_path))


def test_pipe_is_not_opened_as_a_video(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "film.avi")
    with pytest.raises(BadInput, match="neither a file nor a folder"):
        open_source(str(tmp_path / "film.avi"))


# --- what a user types


def test_every_prefix_maps_to_a_function() -> None:
    from importlib import import_module

    for target in PREFIXES.values():
        module, _, function = target.partition(":")
        assert callable(getattr(import_module(f"edgevision.device.{module}"), function))


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        ("absent.avi", MissingFile, "no such file or folder: absent.avi"),
        ("0", MissingFile, "--camera 0"),
        ("http://", BadInput, "the host is missing"),
        ("fake:boom", BadInput, "unknown script step 'boom'"),
    ],
)
def test_missing_sources_are_rejected(spec: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        open_source(spec)


def test_missing_cameras_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"unknown camera 'tset:'.*did you mean 'test'"):
        open_camera("tset:")
    path = video(tmp_path / "film.avi", 2)
    with pytest.raises(BadInput, match="--source"):
        open_camera(str(path))


def test_file_named_like_a_spec_is_opened_as_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "test:" / "one.png")
    assert len(frames(open_source("test:"))) == 1


# --- the fake camera


def test_fake_camera_follows_its_script() -> None:
    hand = HandClock()
    camera = FakeCamera("ok*2,frozen,garbled,wrong_size,unreadable,slow,lost", size=(64, 48), clock=hand.clock())
    found = []
    with pytest.raises(CameraLost, match="as scripted"):
        for item in camera:
            found.append(item)
    first, second, frozen, garbled, small, bad, slow = found
    assert [item.index for item in found] == list(range(7))
    assert not np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(second.pixels, frozen.pixels)
    assert garbled.pixels.shape == (48, 64, 3)
    assert small.pixels.shape == (24, 32, 3)
    assert isinstance(bad, Unreadable)
    assert slow.captured_at == garbled.captured_at + 1.0


def test_fake_camera_opens_by_its_spec() -> None:
    camera = open_camera("fake:ok*3")
    assert len(frames(camera)) == 3
    assert camera.live


@pytest.mark.parametrize("script", ["", "ok*", "ok*0", "ok*x", "ok,,ok", "okk"])
def test_invalid_scripts_are_rejected(script: str) -> None:
    with pytest.raises(BadInput):
        FakeCamera(script)


@pytest.mark.parametrize("open_it", [open_camera, open_source])
def test_url_without_its_scheme_is_masked_in_the_error(open_it: Callable[[str], object]) -> None:
    with pytest.raises((MissingFile, UnknownName), match=r"me:\*\*\*@10\.0\.0\.7/x") as caught:
        open_it("me:hush@10.0.0.7/x")
    assert "hush" not in str(caught.value)
