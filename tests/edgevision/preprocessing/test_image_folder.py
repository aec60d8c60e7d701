"""The walk over a folder of photos: loops, pipes, devices, and formats that are not supported."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from edgevision.errors import BadImage, BadInput, MissingFile
from edgevision.preprocessing import image_folder
from tests.helpers.image_folders import PNG, fill

HEIC = b"\0\0\0\x18ftypheic" + bytes(40)


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in image_folder.find(folder)]


def test_links_that_lead_back_end_the_walk(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "b/c/2.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "c" / "here").symlink_to(tmp_path / "b")
    assert names(tmp_path) == ["a/1.png", "b/c/2.png"]


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", "1.png")
    photos = fill(tmp_path / "photos", "x/0.png")
    (photos / "y").symlink_to(tmp_path / "elsewhere")
    (photos / "z").symlink_to(tmp_path / "elsewhere")
    assert names(photos) == ["x/0.png", "y/1.png"]


def test_what_is_not_a_file_is_left_out_and_named(tmp_path: Path) -> None:
    fill(tmp_path, "1.png")
    os.mkfifo(tmp_path / "2.png")
    (tmp_path / "3.png").symlink_to("/dev/zero")
    (tmp_path / "4.png").symlink_to("absent")
    (tmp_path / "5.png").symlink_to("5.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "6.png"))
        found = image_folder.survey(tmp_path)
    assert [path.name for path in found.paths] == ["1.png"]
    assert len(found.notes) == 1 and found.notes[0].startswith("5 entries were left out: ")
    special = dict(image_folder.walk(tmp_path).special)
    assert special["2.png"] == "a pipe" and special["3.png"] == "a device" and special["6.png"] == "a socket"
    assert special["4.png"].startswith("a link: ") and special["5.png"].startswith("a link: ")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "socket"])
def test_reading_what_is_not_a_file_does_not_wait(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    else:
        path.mkdir()
    with pytest.raises(MissingFile, match=rf"image must be a file, but .*photo.jpg is a {kind}"):
        image_folder.read_file(path)


def test_unsupported_formats_are_counted_by_type(tmp_path: Path) -> None:
    fill(tmp_path, "1.png", "really_png.heic")
    for name in ("a.heic", "b.HEIC", "c.nef"):
        (tmp_path / name).write_bytes(HEIC)
    found = image_folder.survey(tmp_path)
    assert [path.name for path in found.paths] == ["1.png", "really_png.heic"]
    assert found.notes == (
        "2 files of type .heic were left out: convert them to JPEG or PNG",
        "1 file of type .nef was left out: convert it to JPEG or PNG",
    )


def test_walk_without_end_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, *(f"{number}.png" for number in range(6)))
    monkeypatch.setattr(image_folder, "MAX_ENTRIES", 5)
    with pytest.raises(BadInput, match="more than 5 files and folders; give a smaller folder"):
        image_folder.find(tmp_path)


def test_too_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as stream:
        stream.write(PNG)
        stream.truncate(image_folder.MAX_BYTES + 1)  # takes no space on the disk
    with pytest.raises(BadImage, match="larger than 512 MiB, the limit for an image"):
        image_folder.read_file(path)
