"""Clips on the live page: the list and the files through a real server, and playing one in a real Chromium."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("starlette")
from edgevision.device.outputs.clip_list import KEPT, ClipList, key_of
from edgevision.device.page.access import load_tokens
from edgevision.device.page.clips import byte_range
from edgevision.device.page.problems import Problem
from edgevision.device.stream.events import Event
from page_server import RunningPage, served

from edgevision.types import Label

DATA = bytes(range(256)) * 1000
ENTERED = Event("entered", "2026-01-31T12:00:00.000Z", 0, "cat 0.90", Label(0, "cat", 0.9))


class Setting(NamedTuple):
    page: RunningPage
    clips: ClipList
    path: Path

    @property
    def url(self) -> str:
        """Address of the only clip."""
        (one,) = self.page.get("/api/clips").json["clips"]
        return str(one["url"])


def add(clips: ClipList, path: Path, label: str = "cat") -> None:
    path.write_bytes(DATA)
    clips.add(path, label, 0.9, 1e9, 4.5, len(DATA), [key_of(ENTERED)])


@pytest.fixture()
def setting(tmp_path: Path) -> Iterator[Setting]:
    clips = ClipList()
    with served(tmp_path, clips=[clips, ClipList()]) as page:
        page.show(0)
        page.live.event(ENTERED)
        add(clips, tmp_path / "a.webm")
        yield Setting(page, clips, tmp_path / "a.webm")


def test_list_names_the_events_of_a_clip(setting: Setting) -> None:
    (one,) = setting.page.get("/api/clips").json["clips"]
    assert one["events"] == [{"id": 1, "time": ENTERED.time}]
    assert (one["label"], one["score"], one["seconds"], one["bytes"]) == ("cat", 0.9, 4.5, len(DATA))
    assert one["time"] == "2001-09-09T01:46:40.000Z"
    assert str(setting.path) not in setting.page.get("/api/clips").body.decode()


def test_newest_clip_of_the_status_changes_with_each_clip(setting: Setting) -> None:
    first = setting.page.get("/api/status").json["newest_clip"]
    add(setting.clips, setting.path.with_name("b.webm"))
    assert first and setting.page.get("/api/status").json["newest_clip"] not in (first, None)


def test_list_is_bounded_and_a_long_label_is_cut(setting: Setting) -> None:
    for _ in range(KEPT + 10):
        add(setting.clips, setting.path, "<b>\x00/#+" * 2000)
    found = setting.page.get("/api/clips").json["clips"]
    assert len(found) == KEPT and max(len(one["label"]) for one in found) == 200


def test_clip_is_sent_whole_and_in_parts(setting: Setting) -> None:
    whole = setting.page.get(setting.url)
    assert (whole.status, whole.body, whole.headers["content-type"]) == (200, DATA, "video/webm")
    assert whole.headers["accept-ranges"] == "bytes" and "media-src 'self'" in whole.headers["content-security-policy"]
    for header, part in (("0-", DATA), ("100000-100009", DATA[100000:100010]), ("-7", DATA[-7:])):
        answer = setting.page.get(setting.url, headers={"Range": f"bytes={header}"})
        assert (answer.status, answer.body) == (206, part)
        assert answer.headers["content-range"].endswith(f"/{len(DATA)}")
    answer = setting.page.get(setting.url, headers={"Range": f"bytes={len(DATA)}-"})
    assert (answer.status, answer.headers["content-type"]) == (416, "application/problem+json")
    assert answer.headers["content-range"] == f"bytes */{len(DATA)}"
    head = setting.page.ask("HEAD", setting.url)
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(DATA)), b"")


@pytest.mark.parametrize(
    "header", [None, "bytes=-", "bytes=5-3", "bytes=0-1,3-4", "lines=1-2", "bytes=a-b", "bytes=٣-"]
)
def test_range_of_another_form_is_ignored(header: str | None) -> None:
    assert byte_range(header, 10) is None


def test_range_beyond_the_end_is_cut_or_refused() -> None:
    assert byte_range("bytes=3-99", 10) == (3, 9)
    assert byte_range("bytes=-99", 10) == (0, 9)
    with pytest.raises(Problem):
        byte_range("bytes=-0", 10)


@pytest.mark.parametrize("number", ["x", "a.webm", "..%2Fa.webm", "%2Fetc%2Fpasswd", "%00", "1" * 3000])
def test_nothing_is_sent_by_another_id(setting: Setting, number: str) -> None:
    assert setting.page.get(f"/api/clips/{number}").status == 404


def test_deleted_and_replaced_clips_are_gone(setting: Setting) -> None:
    url, secret = setting.url, setting.path.with_name("secret")
    secret.write_bytes(DATA)
    setting.path.unlink()
    assert setting.page.get(url).status == 404
    setting.path.symlink_to(secret)
    assert setting.page.get(url).status == 404
    setting.path.unlink()
    os.mkfifo(setting.path)
    assert setting.page.get(url).status == 404
    assert setting.page.get("/api/clips").json == {"clips": []}


def test_many_requests_leave_no_file_open(setting: Setting) -> None:
    url = setting.url
    for _ in range(30):
        setting.page.get(url, headers={"Range": "bytes=0-9"})
        setting.page.get(url, headers={"Range": "bytes=9999999-"})
        setting.page.ask("HEAD", url)
    deadline = time.monotonic() + 120
    while (left := times_open(setting.path)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == 0


def times_open(path: Path) -> int:
    """Return how many times this process has a file open."""
    links = (Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd"))
    return sum(link.is_symlink() and os.path.realpath(link) == os.path.realpath(path) for link in links)


def test_run_without_clips_lists_none(tmp_path: Path) -> None:
    with served(tmp_path) as page:
        assert page.get("/api/clips").json == {"clips": []}
        assert page.get("/api/status").json["newest_clip"] is None
        assert "--to clips:DIR" in page.get("/api/clips/1").json["detail"]


def test_clips_need_a_token_and_a_viewer_sees_them(tmp_path: Path) -> None:
    clips = ClipList()
    add(clips, tmp_path / "a.webm")
    with served(tmp_path, "0.0.0.0", clips=[clips]) as page:
        viewer = {"Authorization": f"Bearer {load_tokens(tmp_path / 'state').viewer}"}
        (one,) = page.get("/api/clips", headers=viewer).json["clips"]
        assert page.get("/api/clips").status == page.get(one["url"]).status == 401
        assert page.get(one["url"], headers=viewer).body == DATA
