"""Snapshots of events: names, EXIF, quota, and labels that are harmless as file names."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.outputs.protocol import Output
from edgevision.device.outputs.registry import find
from PIL import Image

from edgevision.errors import BadInput, CannotWrite
from edgevision.preprocessing.decode import encode_jpeg, read
from edgevision.preprocessing.exif import with_exif
from tests.helpers.output_parts import context, crossing, event_item, frame, frame_item

HOSTILE = "<b>../../etc/passwd\x00\x1b[31m#+/" + "字" * 10_000


def snapshots(folder: Path, more: str = "") -> Output:
    config = parse_spec(f"snapshots:{folder}{more}")
    output = find("snapshots").open(config, context())
    output.start()
    return output


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_event_gives_a_plain_and_an_annotated_image(tmp_path: Path) -> None:
    output = snapshots(tmp_path / "new" / "dir")
    output.deliver(event_item(name="cat", score=0.934))
    plain, drawn = names(tmp_path / "new" / "dir")[::-1]
    assert plain.startswith("000001-") and plain.endswith("Z-cat-0.93.jpg")
    assert drawn == plain.replace(".jpg", "-annotated.jpg")
    assert output.written == 2
    images = [read(tmp_path / "new" / "dir" / name).pixels for name in (plain, drawn)]
    assert images[0].shape[1] == 32
    assert images[0].shape != images[1].shape or not np.array_equal(*images)


def test_event_of_a_track_also_gives_the_best_image_of_its_object(tmp_path: Path) -> None:
    item = event_item()
    item.event, item.crop = crossing(), replace(frame(), pixels=np.full((40, 20, 3), 90, np.uint8))
    snapshots(tmp_path, ",image=plain").deliver(item)
    crop, plain = names(tmp_path)
    assert crop == plain.replace(".jpg", "-crop.jpg")
    assert read(tmp_path / crop).pixels.shape == (40, 20, 3)
    again = snapshots(tmp_path, ",quota=1MB")
    again.deliver(event_item())
    assert len(names(tmp_path)) == 4


def test_exif_holds_label_score_and_time(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    snapshots(tmp_path).deliver(event_item(name="Müller's 猫", score=0.5))
    with Image.open(next(tmp_path.glob("*-0.50.jpg"))) as image:
        exif = image.getexif()
    inner = exif.get_ifd(0x8769)
    assert exif[0x010E] == "M?ller's ? 0.50 (entered)"
    when = datetime.strptime(inner[0x9003] + inner[0x9011], "%Y:%m:%d %H:%M:%S%z")
    assert before <= when <= datetime.now(UTC)
    kind, text = inner[0x9286][:8], inner[0x9286][8:]
    assert kind == b"UNICODE\0"
    comment = json.loads(text.decode("utf-16-le"))
    assert comment["label"] == "Müller's 猫"
    assert (comment["camera"], comment["event"], comment["score"]) == ("cam", "entered", 0.5)


def test_exif_of_long_texts_stays_readable() -> None:
    jpeg = with_exif(encode_jpeg(frame()), "x" * 10_000, "\ud800" + "字" * 10_000, 0.0)
    with Image.open(io.BytesIO(jpeg)) as image:
        image.load()
        assert len(image.getexif()[0x010E]) == 2000


@pytest.mark.parametrize("label", [HOSTILE, "", "..", "/", "-", "\n", "a\ud800b"])
def test_hostile_label_is_a_harmless_file_name(tmp_path: Path, label: str) -> None:
    folder = tmp_path / "in"
    output = snapshots(folder)
    output.deliver(event_item(name=label))
    assert names(tmp_path) == ["in"]
    assert len(names(folder)) == 2
    for name in names(folder):
        assert name.isprintable() and len(name.encode()) < 120 and not set(name) & set("/<>#+\\ ")


def test_quota_deletes_the_oldest_of_its_own_files_only(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x" * 5000)
    snapshots(tmp_path, ",image=plain").deliver(event_item(name="cat"))
    size = next(tmp_path.glob("0*")).stat().st_size
    output = snapshots(tmp_path, f",image=plain,quota={3 * size + size // 2}")
    for _ in range(5):
        output.deliver(event_item(name="cat"))
    assert [name[:7] for name in names(tmp_path)] == ["000004-", "000005-", "000006-", "holiday"]


def test_image_beyond_the_quota_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="exceed the quota of 100 bytes"):
        snapshots(tmp_path, ",quota=100").deliver(event_item())
    assert names(tmp_path) == []


def test_leftover_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".000007-20261130T041502Z-cat-0.93.jpg.ab_12xyz.part"
    other = tmp_path / ".notes.ab_12xyz.part"
    left.write_bytes(b"half")
    other.write_bytes(b"mine")
    snapshots(tmp_path)
    assert names(tmp_path) == [other.name]


def test_events_without_image_and_labels_that_left_are_passed_over(tmp_path: Path) -> None:
    output = snapshots(tmp_path)
    output.deliver(event_item("left"))
    bare = event_item()
    bare.frame = None
    output.deliver(bare)
    assert names(tmp_path) == []


def test_frames_are_saved_on_request(tmp_path: Path) -> None:
    snapshots(tmp_path, ",only=frames,image=annotated").deliver(frame_item())
    (name,) = names(tmp_path)
    assert name.endswith("-cat-0.90-annotated.jpg")


def test_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match=r"cannot write to .*file"):
        snapshots(tmp_path / "file")
    with pytest.raises(BadInput, match="image: expected"):
        parse_spec("snapshots:x,image=all")
