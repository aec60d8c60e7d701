"""Frames on standard input: JPEGs in any arrangement, raw frames in every layout, and truncated input."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import cv2
import numpy as np
import pytest
from edgevision.device.cameras.backends.jpeg_splitter import MAX_BYTES, JpegSplitter, jpeg_size
from edgevision.device.cameras.backends.pixel_formats import ALIASES, PACKED, layout, pixels
from edgevision.device.cameras.backends.stdin import Pipe, open_stdin
from edgevision.device.stream.events import Unreadable
from edgevision.device.stream.request import ANY, CaptureRequest
from edgevision.device.system.clock import SYSTEM
from fake_picamera2 import COLOR_RGB, draw
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame


def jpeg(index: int, size: tuple[int, int] = (64, 48)) -> bytes:
    noise = np.random.default_rng(index).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return decode.encode_jpeg(Frame(cv2.GaussianBlur(noise, (9, 9), 0), "BGR"))


JPEGS = [jpeg(index) for index in range(4)]


def with_thumbnail(data: bytes) -> bytes:
    """Return a JPEG with a complete thumbnail JPEG in an application segment, as cameras write them."""
    inner = jpeg(9, (16, 16))
    return data[:2] + b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner + data[2:]


def progressive() -> bytes:
    """Return a JPEG with several scans and tables between them."""
    pixels = cv2.imdecode(np.frombuffer(JPEGS[0], np.uint8), cv2.IMREAD_COLOR)  # noqa: TID251
    good, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2])
    assert good
    return bytes(data)


def split(data: bytes, *cuts: int) -> list[bytes]:
    splitter, found, last = JpegSplitter(), list[bytes](), 0
    for cut in [*sorted(cuts), len(data)]:
        found += splitter.feed(data[last:cut])
        last = cut
    return found


@given(st.lists(st.integers(0, sum(map(len, JPEGS)) + 200), max_size=6))
def test_jpegs_are_found_however_the_bytes_are_split(cuts: list[int]) -> None:
    head = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n"
    stream = b"".join(head + data + b"\r\n" for data in JPEGS)
    assert split(stream, *cuts) == JPEGS
    assert split(b"".join(JPEGS), *(cut for cut in cuts if cut < len(b"".join(JPEGS)))) == JPEGS


@pytest.mark.parametrize("data", [with_thumbnail(JPEGS[0]), progressive(), JPEGS[1][:-2] + b"\xff\xff\xd9"])
def test_odd_jpegs_stay_whole(data: bytes) -> None:
    assert split(b"junk" + data + JPEGS[2]) == [data, JPEGS[2]]
    assert split(b"junk" + data + JPEGS[2], *range(1, 200, 7)) == [data, JPEGS[2]]


def test_truncated_jpeg_ends_where_the_next_one_begins() -> None:
    head = b"\r\n--frame\r\n\r\n"
    for cut in (len(JPEGS[0]) * 3 // 4, len(JPEGS[0]) - 40, len(JPEGS[0]) - 1):
        first, second = split(JPEGS[0][:cut] + head + JPEGS[1])
        assert second == JPEGS[1]
        assert first.startswith(JPEGS[0][:cut])


@given(st.binary(max_size=400), st.integers(0, 400))
def test_splitter_accepts_any_bytes(data: bytes, cut: int) -> None:
    splitter = JpegSplitter()
    for part in (data[:cut], b"\xff\xd8\xff", data[cut:], b"\xff\xd8\xff\xda\x00\x02", data):
        assert all(one.startswith(b"\xff\xd8\xff") for one in splitter.feed(part))


def test_bytes_without_an_end_do_not_fill_the_memory() -> None:
    splitter = JpegSplitter()
    assert list(splitter.feed(b"\xff\xd8\xff\xda\x00\x02" + bytes(MAX_BYTES))) == []
    assert list(splitter.feed(JPEGS[0])) == [JPEGS[0]]


# --- through the public function


@contextmanager
def piped(data: bytes, spec: str = "-", live: bool = False, wanted: CaptureRequest = ANY) -> Iterator[object]:
    """Open a source on a pipe that a thread writes to."""
    read_end, write_end = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(write_end, "wb") as stream:
            stream.write(data)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        yield open_stdin(spec, SYSTEM, wanted, live, read_end)
    finally:
        os.close(read_end)
        writer.join(120)


def items(data: bytes, spec: str = "-", wanted: CaptureRequest = ANY) -> list[object]:
    with piped(data, spec, wanted=wanted) as source:
        return list(source)  # type: ignore[call-overload]


def test_every_jpeg_becomes_a_frame() -> None:
    found = items(b"".join(JPEGS))
    assert [item.index for item in found] == [0, 1, 2, 3]
    for item, data in zip(found, JPEGS, strict=True):
        assert np.array_equal(item.pixels, decode.decode(data, "").pixels)
        assert item.captured_at is None


def test_truncated_last_jpeg_is_unreadable_not_gray() -> None:
    first, second = items(JPEGS[0] + JPEGS[1][:-60])
    assert isinstance(first, Frame)
    assert isinstance(second, Unreadable)
    assert "truncated" in second.message


def test_damaged_jpeg_among_others_gives_one_error() -> None:
    broken = JPEGS[1][:2] + b"\xff\xc0\x00\x04ab" + b"\xff\xd9"
    assert [type(item) for item in items(JPEGS[0] + broken + JPEGS[2])] == [Frame, Unreadable, Frame]


def test_jpegs_are_decoded_no_larger_than_the_model_needs() -> None:
    data = jpeg(0, (640, 480)) + with_thumbnail(jpeg(1, (640, 480))) + jpeg(2, (320, 240))
    found = items(data, wanted=CaptureRequest(preprocessing=Preprocessing(96, 96)))
    assert [(item.width, item.height, item.reduced) for item in found] == [(160, 120, 4), (160, 120, 4), (160, 120, 2)]


def test_jpeg_size_is_read_from_the_header() -> None:
    assert jpeg_size(with_thumbnail(jpeg(0, (40, 24)))) == (40, 24)
    assert jpeg_size(progressive()) == (64, 48)
    assert jpeg_size(JPEGS[0][:2]) is None


@given(st.binary(max_size=200))
def test_jpeg_size_accepts_any_bytes(data: bytes) -> None:
    jpeg_size(b"\xff\xd8\xff" + data)


@pytest.mark.parametrize("data", [b"", b"hello\n"])
def test_standard_input_without_a_jpeg_is_rejected(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"standard input ended without a JPEG.*raw:640x480:rgb24"):
        items(data)


def test_long_input_without_jpegs_is_rejected() -> None:
    with pytest.raises(BadInput, match="no JPEG found on standard input"):
        items(bytes(6 << 20))


def test_frames_of_a_live_pipe_have_a_capture_time() -> None:
    with piped(JPEGS[0], live=True) as source:
        (frame,) = list(source)  # type: ignore[call-overload]
    assert frame.captured_at is not None


def test_close_ends_a_waiting_read() -> None:
    read_end, write_end = os.pipe()
    source = open_stdin("-", descriptor=read_end)
    found: list[object] = []
    reader = threading.Thread(target=lambda: found.extend(source), daemon=True)
    reader.start()
    os.write(write_end, JPEGS[0])
    source.close()
    reader.join(120)
    assert not reader.is_alive()
    os.close(write_end)
    os.close(read_end)


def test_interrupt_after_close_does_nothing() -> None:
    read_end, write_end = os.pipe()
    pipe = Pipe(read_end)
    pipe.close()
    pipe.interrupt()  # its descriptors may already belong to somebody else
    pipe.close()
    os.close(write_end)
    os.close(read_end)


# --- raw frames


@pytest.mark.parametrize("padding", [0, 32])
@pytest.mark.parametrize("name", ["RGB888", "BGR888", "XBGR8888", "XRGB8888", "NV12", "YUV420"])
def test_raw_layouts_are_decoded(name: str, padding: int) -> None:
    depth = PACKED[name][0] if name in PACKED else 1
    where = layout(name, 32, 16, 32 * depth + padding)
    data = draw(name, 32, 16, where.stride)
    assert data.size == where.bytes
    picture, order = pixels(data, where)
    rgb = picture if order == "RGB" else picture[..., ::-1]
    assert picture.shape == (16, 32, 3)
    assert np.abs(rgb[4:].astype(int) - COLOR_RGB).max() <= 3


@pytest.mark.parametrize("name", sorted({*ALIASES, *PACKED}))
def test_every_format_gives_an_image_of_its_size(name: str) -> None:
    where = layout(name, 32, 16)
    picture, order = pixels(np.full(where.bytes, 128, np.uint8), where)
    assert picture.shape == ((16, 32) if order == "GRAY" else (16, 32, 3))


def test_raw_rgb_on_standard_input() -> None:
    frames = np.random.default_rng(1).integers(0, 256, (3, 6, 8, 3), np.uint8)
    found = items(frames.tobytes(), "raw:8x6:rgb24")
    assert [item.order for item in found] == ["RGB"] * 3
    assert all(np.array_equal(item.pixels, frame) for item, frame in zip(found, frames, strict=True))


def test_truncated_raw_frame_is_unreadable() -> None:
    first, second = items(bytes(8 * 6 + 5), "raw:8x6:gray")
    assert isinstance(first, Frame)
    assert first.order == "GRAY"
    assert isinstance(second, Unreadable)
    assert "5 of 48 bytes" in second.message


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("raw:", "raw:WIDTHxHEIGHT:FORMAT"),
        ("raw:8x6", "raw:WIDTHxHEIGHT:FORMAT"),
        ("raw:8x6:rbg24", "did you mean 'rgb24'"),
        ("raw:0x6:rgb24", "invalid size 0x6"),
        ("raw:7x6:nv12", "even"),
        ("raw:123456789x6:nv12", "99999"),
        ("raw:99999x99999:rgb24", "at most 100000000 pixels"),
    ],
)
def test_invalid_raw_specs_are_rejected(spec: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        items(b"", spec)
    assert "\n" not in str(caught.value)


def test_terminal_is_rejected_as_standard_input() -> None:
    main, terminal = os.openpty()
    try:
        with pytest.raises(BadInput, match="standard input is a terminal"):
            open_stdin("-", descriptor=terminal)
    finally:
        os.close(main)
        os.close(terminal)
