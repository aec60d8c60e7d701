"""Credentials in URLs are never shown or recorded, whatever characters they contain."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.files.run_folder import new_run
from edgevision.files.url_secrets import encoded, masked, masked_arguments, with_password


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://10.0.0.2:554/stream1", "rtsp://10.0.0.2:554/stream1"),
        ("rtsp://a:b@10.0.0.2/s", "rtsp://***@10.0.0.2/s"),
        ("rtsp://token@10.0.0.2/s", "rtsp://***@10.0.0.2/s"),
        ("rtsp://a:p@ss@10.0.0.2/s", "rtsp://***@10.0.0.2/s"),
        ("rtsp://user:pa#ss@host/s", "rtsp://***@host/s"),
        ("rtsp://user:pa?ss@host:554/s", "rtsp://***@host:554/s"),
        ("http://h/?user=a&pwd=b&x=1", "http://h/?user=***&pwd=***&x=1"),
        ("http://h/?api_key=b#secret", "http://h/?api_key=***"),
        ("http://a:b@[::1/s", "http://***"),
        ("http://[::1]:80/s", "http://[::1]:80/s"),
        ("me:secret@10.0.0.7/x", "me:***@10.0.0.7/x"),  # without a scheme
        ("//me:secret@10.0.0.7/x", "//***@10.0.0.7/x"),
        ("test:@fast", "test:@fast"),
        ("test:1280x720@30", "test:1280x720@30"),
        ("test:64x64@fast", "test:64x64@fast"),
        ("test:64x64@10.0.0.7/x", "test:***@10.0.0.7/x"),
        ("photos/a@b.jpg", "photos/a@b.jpg"),
        ("http://me:sec/ret@10.0.0.7:80/x", "http://***@10.0.0.7:80/x"),
        ("rtsp://10.0.0.2/media@1", "rtsp://10.0.0.2/media@1"),
        ("rtsp://a:b@/c@10.0.0.2/s", "rtsp://***@10.0.0.2/s"),
        ("http://a:p@ss#w:rd/1@h:80/cam", "http://***@h:80/cam"),
        ("http://h/v?size=2&psw=a&sessionid=b", "http://h/v?size=2&psw=***&sessionid=***"),
    ],
)
def test_masked_url_hides_secrets(url: str, expected: str) -> None:
    assert masked(url) == expected


# The first letter is a mark that occurs nowhere else in the URL, so that a part of the password cannot be there by chance.
@given(st.text("Zab1:/?#@ %&=", min_size=1, max_size=12).map(lambda text: f"Z{text}Z"))
def test_no_part_of_a_password_is_shown(password: str) -> None:
    assert "Z" not in masked(f"rtsp://user:{password}@host:554/stream")


@given(st.text("ab1:/?#&=", min_size=1, max_size=12).map(lambda text: f"Z{text}Z"))
def test_encoded_url_keeps_password_and_host(password: str) -> None:
    parts = urlsplit(encoded(f"rtsp://user:{password}@host:554/stream"))
    assert (parts.hostname, parts.port, parts.path) == ("host", 554, "/stream")
    assert (parts.username, unquote(parts.password or "")) == ("user", password)


def test_encoded_url_without_credentials_is_unchanged() -> None:
    assert encoded("http://10.0.0.2/a@b?c=d#e") == "http://10.0.0.2/a@b?c=d#e"
    assert encoded("http://a:p@ss#w:rd/1@h:80/cam") == "http://a:p%40ss%23w%3Ard%2F1@h:80/cam"
    assert encoded("rtsp://user:already%23encoded@host/") == "rtsp://user:already%23encoded@host/"


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("--source=http://me:two words@h/v", "--source=http://***@h/v"),
        ("http://me:two words@h/v", "http://***@h/v"),
        ("--camera=me:hush@h/v", "--camera=me:***@h/v"),
        ("read http://me:hush@h/v twice", "read http://***@h/v twice"),
        ("--label=a#b", "--label=a#b"),
        ("photos/a@b#c.jpg", "photos/a@b#c.jpg"),
    ],
)
def test_masked_argument_hides_the_whole_password(argument: str, expected: str) -> None:
    assert masked_arguments([argument]) == [expected]


def test_password_from_elsewhere_joins_the_user_of_a_url() -> None:
    assert with_password("rtsp://me@h/s", "p@ss") == "rtsp://me:p%40ss@h/s"
    assert with_password("rtsp://me:own@h/s", "other") == "rtsp://me:own@h/s"
    assert with_password("rtsp://h/s", "other") == "rtsp://h/s"
    assert with_password("rtsp://me@h/s", None) == "rtsp://me@h/s"


def test_command_line_of_a_run_folder_has_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = ["edgevision", "bench", "m.tflite", "--source=http://me:hush@10.0.0.2/v?token=hush", "photos/a@b"]
    assert masked_arguments(line)[3] == "--source=http://***@10.0.0.2/v?token=***"
    monkeypatch.setattr("sys.argv", line)
    with new_run(tmp_path, "bench") as run:
        pass
    text = (run.folder / "run.json").read_text()
    assert "hush" not in text and "photos/a@b" in text
