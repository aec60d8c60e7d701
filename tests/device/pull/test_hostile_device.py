"""What a device says is only data: addresses, listings and the folder that a fetch leaves behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from edgevision.device.collection.provenance import Provenance, provenance_of
from edgevision.device.pull import rsync, sftp
from edgevision.device.pull.address import parse
from edgevision.device.pull.place import Verified, place, verify
from edgevision.device.pull.remote_image import ListedFile, RemoteImage, images_of
from hypothesis import example, given
from hypothesis import strategies as st

from edgevision import default_model
from edgevision.errors import BadInput, CannotWrite
from edgevision.preprocessing.exif import comment_of, with_exif


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("pi@door.local", ("pi", "door.local", "/var/lib/edgevision/collected")),
        ("door", (None, "door", "/var/lib/edgevision/collected")),
        ("pi@10.0.0.7:seen/", ("pi", "10.0.0.7", "seen")),
        ("pi@[fe80::1%eth0]:/srv/my images", ("pi", "[fe80::1%eth0]", "/srv/my images")),
    ],
)
def test_address_has_user_host_and_path(text: str, parts: tuple[object, ...]) -> None:
    assert tuple(parse(text)) == parts


@pytest.mark.parametrize(
    "text",
    ["", "@", "-oProxyCommand=sh", "pi@-oProxyCommand=sh", "-l@host", "a b@host", "pi@host name", "pi@h;reboot", "pi@h:-e sh",
     "pi@h:a\nb", 'pi@h:a"b', "pi@h:a\\b", "pi@$(id)", "pi@[::1", "pi@x@y", "ssh://pi@host", "pi@h/../x"],
)  # fmt: skip
def test_address_that_could_be_an_option_or_a_command_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="invalid"):
        parse(text)


PARTS = ["..", ".", "", "cat", "_unsure", "-x", "a b", "x.jpg", "000001-20261130T080000Z.jpg", "\x1b[2J", "C:", "~"]
PATHS = st.lists(st.sampled_from(PARTS) | st.text(max_size=8), max_size=4).map("/".join)
OUTSIDE = ["../x.jpg", "/etc/x.jpg", "a/../../x.jpg", "cat/..\\x.jpg", "../../cat/x.jpg", "./x.jpg"]
LINES = st.text(max_size=200).map(
    lambda text: f"-rw-r--r-- 12 2026/11/30 08:00:00 {text}".encode(errors="surrogatepass")
)
NO_JPEG = b"\xff\xd8\xff\xd9"
COMMENTS = st.binary(max_size=100).map(lambda body: with_exif(NO_JPEG, "", body.decode("latin-1"), 0.0))


@given(st.lists(st.tuples(PATHS, st.integers(-5, 10**12), st.sampled_from("-dlcbps?"))))
@example(
    [
        ("../x.jpg", 5, "-"),
        ("/etc/x.jpg", 5, "-"),
        ("a/../../x.jpg", 5, "-"),
        ("cat/..\\x.jpg", 5, "-"),
        ("cat/x.jpg", 5, "l"),
    ]
)
def test_images_of_a_listing_stay_below_the_folder(listed: list[tuple[str, int, str]]) -> None:
    images, refused = images_of(ListedFile(*one) for one in listed)
    kinds = {(path, size): kind for path, size, kind in listed}
    for one in images:
        assert Path(os.path.normpath(f"/out/{one.path}")) == Path("/out") / one.label / one.name
        assert Path("/out", one.path).parent.parent == Path("/out")
        assert not one.label.startswith((".", "-")) and not one.name.startswith((".", "-"))
        assert one.path.isprintable() and 0 < one.bytes <= 64_000_000 and (one.path, one.bytes) in kinds
    assert all(one.name.isprintable() for one in refused)


@given(st.binary(max_size=300) | LINES)
def test_listings_of_any_bytes_are_read(out: bytes) -> None:
    images_of(rsync.parse_listing(out))
    images_of(sftp.parse_listing(out, "/folder"))


@given(st.binary(max_size=200) | COMMENTS)
def test_provenance_of_any_bytes_is_read(data: bytes) -> None:
    comment_of(data)
    assert isinstance(provenance_of(data), Provenance)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_comment_is_read_back(text: str) -> None:
    assert comment_of(with_exif(NO_JPEG, "", text, 0.0)) == text


def test_links_in_the_fetched_folder_are_not_followed(tmp_path: Path) -> None:
    staged, out = tmp_path / "staged", tmp_path / "out"
    image = RemoteImage("cat", "x.jpg", default_model.path().stat().st_size)
    (staged / "cat").mkdir(parents=True)
    (staged / "cat" / "x.jpg").symlink_to(default_model.path())
    assert verify(staged, image) == "it is not a file"
    (staged / "cat" / "x.jpg").unlink()
    (staged / "cat").rmdir()
    (staged / "cat").symlink_to(default_model.path().parent)
    assert verify(staged, RemoteImage("cat", "default.tflite", 5)) == "it is not a file"
    (staged / "cat").unlink()
    (staged / "cat").mkdir()
    (staged / "cat" / "x.jpg").write_bytes(b"x")
    assert verify(staged, image) is None  # not complete
    out.mkdir()
    (out / "cat").symlink_to(tmp_path)
    with pytest.raises(CannotWrite, match="cat is not a folder"):
        place(staged, out, Verified(image, "00", Provenance()))
