"""``edgevision capture``: photos go where training reads them, nothing is overwritten, blurred and repeated views are skipped."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from documents import parse
from edgevision.device.cli.capture import capture as command
from edgevision.device.collection.capture import CaptureResult, capture, class_folder, next_number
from edgevision.device.collection.sharpness import Choosing, sharpness
from edgevision.device.stream.events import SourceEvent, Unreadable
from edgevision.device.stream.protocols import Source
from edgevision.device.system.clock import Clock

from edgevision.errors import BadInput, CannotWrite
from edgevision.preprocessing import decode
from edgevision.types import Frame

Item = Frame | Unreadable | SourceEvent


def view(seed: int, noise: int = 0, size: tuple[int, int] = (160, 120)) -> Frame:
    """Return a sharp image; each seed is another view, and ``noise`` seeds the sensor noise."""
    blocks = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8, 3), np.uint8)
    pixels = np.repeat(np.repeat(blocks, 8, 0), 8, 1).astype(int)
    pixels += np.random.default_rng(noise).integers(-2, 3, pixels.shape)
    return Frame(np.clip(pixels, 0, 255).astype(np.uint8), "BGR")


def blurred(frame: Frame) -> Frame:
    return Frame(cv2.GaussianBlur(frame.pixels, (41, 41), 0), "BGR")


class Camera(Source):
    """Yields a list of items, one per ``step_s`` of the test's clock."""

    spec = "list"

    def __init__(self, items: list[Item], live: bool = True, step_s: float = 1.0) -> None:
        self.items, self.live, self.step_s, self.now = items, live, step_s, 0.0
        self.clock = Clock(monotonic=lambda: self.now)

    def __iter__(self) -> Iterator[Item]:
        for item in self.items:
            self.now += self.step_s
            yield item

    def close(self) -> None:
        pass


def take(tmp_path: Path, items: list[Item], count: int = 100, every_s: float = 0.0, **how: object) -> CaptureResult:
    captured = CaptureResult(tmp_path / "mug")
    camera = Camera(items)
    capture(camera, captured, count, every_s, clock=camera.clock, **how)  # type: ignore[arg-type]
    return captured


def test_photos_are_numbered_jpegs_in_the_class_folder(tmp_path: Path) -> None:
    captured = take(tmp_path, [view(seed) for seed in range(5)], count=3)
    assert [path.name for path in captured.files] == ["mug-00001.jpg", "mug-00002.jpg", "mug-00003.jpg"]
    assert decode.find(tmp_path) == captured.files
    found = decode.read(captured.files[1])
    assert (
        np.abs(found.pixels.astype(int) - view(1).pixels).mean()
        < 20
        < np.abs(found.pixels.astype(int) - view(2).pixels).mean()
    )


def test_second_run_adds_photos_and_overwrites_nothing(tmp_path: Path) -> None:
    take(tmp_path, [view(1), view(2)])
    before = {path: path.read_bytes() for path in (tmp_path / "mug").iterdir()}
    (tmp_path / "mug" / "mug-00007.jpg").write_bytes(b"mine")
    (tmp_path / "mug" / "notes-00009.jpg").write_bytes(b"mine")
    captured = take(tmp_path, [view(3)])
    assert [path.name for path in captured.files] == ["mug-00008.jpg"]
    assert all(path.read_bytes() == data for path, data in before.items())
    assert next_number(tmp_path / "absent") == 1


def test_repeated_view_is_skipped_and_counted(tmp_path: Path) -> None:
    captured = take(tmp_path, [view(1), view(1, noise=1), view(1, noise=2), view(2), view(1)])
    assert (len(captured.files), captured.alike) == (3, 2)


def test_small_moved_object_makes_a_new_view(tmp_path: Path) -> None:
    moved = view(1)
    moved.pixels[40:56, 40:56] = 0
    assert len(take(tmp_path, [view(1), moved]).files) == 2


def test_blurred_photos_are_skipped_and_counted(tmp_path: Path) -> None:
    items = [view(seed) if seed % 3 else blurred(view(seed)) for seed in range(9, 39)]
    captured = take(tmp_path, [view(seed) for seed in range(8)] + items)
    assert captured.blurred == 10
    assert len(captured.files) == 28


def test_plainer_scene_is_soon_accepted(tmp_path: Path) -> None:
    plain = [blurred(view(seed)) for seed in range(100)]
    captured = take(tmp_path, [view(seed) for seed in range(20)] + plain)
    assert 0 < captured.blurred < 60
    assert len(captured.files) > 60


def test_brightness_does_not_affect_sharpness() -> None:
    gray = cv2.cvtColor(view(1).pixels, cv2.COLOR_BGR2GRAY)
    assert sharpness(gray // 4) == pytest.approx(sharpness(gray), rel=0.2)


def test_keep_all_keeps_every_frame(tmp_path: Path) -> None:
    assert len(take(tmp_path, [view(1)] * 4, keep_all=True).files) == 4


def test_live_photos_are_at_least_the_interval_apart(tmp_path: Path) -> None:
    captured = take(tmp_path, [view(seed) for seed in range(10)], every_s=2.5)
    assert len(captured.files) == 4  # at 1, 4, 7 and 10 s


def test_camera_events_and_damaged_frames_do_not_end_the_capture(tmp_path: Path) -> None:
    told: list[str] = []
    items: list[Item] = [view(1), SourceEvent("camera_lost", "it is gone"), Unreadable(1, "c", "broken"), view(2)]
    captured = take(tmp_path, items, tell=told.append)
    assert (len(captured.files), captured.damaged, told) == (2, 1, ["it is gone"])


def test_user_is_told_why_no_photo_is_taken(tmp_path: Path) -> None:
    told: list[str] = []
    take(tmp_path, [view(1)] * 25, tell=told.append)
    assert len(told) == 2
    assert "9 like an earlier one" in told[0] or "10 like an earlier one" in told[0]


def test_color_order_and_gray_frames(tmp_path: Path) -> None:
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 255
    captured = take(tmp_path, [Frame(red, "RGB"), Frame(np.full((48, 64), 9, np.uint8), "GRAY")])
    first = decode.read(captured.files[0])
    assert first.pixels[..., 2].mean() > 200 > 60 > first.pixels[..., 0].mean()
    assert len(captured.files) == 2


def test_frame_of_another_size_is_a_new_view() -> None:
    choosing = Choosing()
    assert choosing.refuse(view(1)) is None
    choosing.kept()
    assert choosing.refuse(view(1, size=(80, 64))) is None
    assert choosing.refuse(Frame(np.zeros((1, 1, 3), np.uint8), "BGR")) is None


def test_full_disk_gives_a_one_line_error_and_no_partial_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    class Full:
        def __init__(self, path: Path) -> None:
            self.stream = real(path, "xb")

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.stream.close()

        def write(self, data: bytes) -> None:
            self.stream.write(data[:100])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda path, mode: Full(path) if path.suffix == ".jpg" else real(path, mode))
    with pytest.raises(CannotWrite, match=r"mug-00001\.jpg: No space left on device"):
        take(tmp_path, [view(1)])
    assert list((tmp_path / "mug").iterdir()) == []


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".hidden", "a\nb", " mug", "x" * 300, "a\\b"])
def test_names_that_cannot_be_folders_are_rejected(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput) as caught:
        class_folder(tmp_path, name)
    assert "\n" not in str(caught.value)


def test_capture_command_end_to_end(tmp_path: Path) -> None:
    out = str(tmp_path / "photos")
    arguments = ["Café", "--camera", "test:64x48@1000", "--count", "2", "--every", "0", "--rotate", "90", "--out", out]
    done = CliRunner().invoke(command, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    value = parse(done.stdout, "capture")
    assert value["schema"] == "edgevision.capture/1"
    photos = decode.find(Path(out))
    assert [str(path) for path in photos] == value["files"]
    assert len(photos) == 2
    assert (decode.read(photos[0]).width, decode.read(photos[0]).height) == (48, 64)
    plain = CliRunner().invoke(command, arguments)
    assert "2 photos in" in plain.stdout
    assert "capture at least one more class" in plain.stdout
    other = CliRunner().invoke(command, ["mug", *arguments[1:]])
    assert f"Next: edgevision train {out}/" in other.stdout
