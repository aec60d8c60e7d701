"""The API of the live page through a real server: state, images, labeling and settings."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from documents import parse

pytest.importorskip("starlette")
from edgevision.device.page import live, openapi
from edgevision.device.stream.events import Event
from edgevision.device.tracking.shapes import CountLine
from page_server import RunningPage, photo, served
from small_detector import colors_detector

from edgevision.errors import CannotWrite
from edgevision.preprocessing import decode
from edgevision.types import Frame, Label


@pytest.fixture()
def page(tmp_path: Path) -> Iterator[RunningPage]:
    with served(tmp_path) as found:
        found.show(0)
        yield found


NO_SHAPES: dict[str, list[str]] = {"count_lines": [], "zones": []}


def entered(index: int, name: str = "cat") -> Event:
    return Event("entered", "2026-01-31T12:00:00.000Z", index, f"{name} 0.90", Label(0, name, 0.9))


def test_status_holds_run_model_settings_and_counts(page: RunningPage) -> None:
    found = parse(page.get("/api/status").body, "page_status")
    assert (found["name"], found["role"], found["settings_file"]) == ("cam", "admin", None)
    assert found["settings"] == {"threshold": 0.3, "smooth": 1, "roi": None, "paused": False, **NO_SHAPES}
    assert found["model"]["task"] == "classification" and len(found["model"]["sha256"]) == 64
    assert found["status"]["frames"] == 0 and found["history"][0]["memory_mb"] > 0


def test_health_fails_until_the_first_frame(tmp_path: Path) -> None:
    with served(tmp_path) as page:
        assert page.get("/healthz").status == 503
        assert page.get("/api/snapshot.jpg").status == 503
        page.show()
        assert page.get("/healthz").json["ok"] is True


def test_snapshot_is_reduced_to_a_width(page: RunningPage) -> None:
    page.show(1, size=(1000, 500))
    plain = decode.decode(page.get("/api/snapshot.jpg?annotated=0&width=300").body, "snapshot")
    assert (plain.width, plain.height) == (320, 160)
    assert page.get("/api/snapshot.jpg?width=99999").status == 400
    assert page.get("/api/snapshot.jpg?annotated=yes").status == 400


def test_image_is_recognized(page: RunningPage) -> None:
    found = page.post("/api/predict", photo(), headers={"Content-Type": "image/jpeg"}).json
    assert (found["type"], found["width"], found["height"]) == ("frame", 64, 48)


@pytest.mark.parametrize("data", [b"", b"not an image", photo()[:200]])
def test_damaged_image_is_refused(page: RunningPage, data: bytes) -> None:
    answer = page.post("/api/predict", data)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == 400 and answer.json["detail"]


def test_image_with_too_many_pixels_is_refused(page: RunningPage) -> None:
    header = bytearray(photo())
    at = header.index(b"\xff\xc0") + 5
    header[at : at + 4] = (0xF000).to_bytes(2, "big") * 2
    assert page.post("/api/predict", bytes(header)).status in (400, 413)


def test_tap_saves_the_newest_frame_under_a_class_and_undo_takes_it_back(page: RunningPage) -> None:
    saved = page.post("/api/collect", {"class": "cat"})
    assert saved.status == 201
    path = page.folder / "photos" / saved.json["path"]
    assert path.parent.name == "cat" and decode.read(path).width == 64
    assert page.post("/api/collect/undo", {"undo": saved.json["undo"]}).json == {"path": None}
    assert not path.exists()
    assert page.post("/api/collect/undo", {"undo": saved.json["undo"]}).status == 404


def test_frame_of_an_event_is_saved(page: RunningPage) -> None:
    page.show(1)
    page.live.event(entered(1))
    for _ in range(200):
        if page.get("/api/events/1.jpg").status == 200:
            break
    page.show(200)
    saved = page.post("/api/collect", {"class": "cat", "event": 1}).json
    assert decode.read(page.folder / "photos" / saved["path"]).pixels.mean() == pytest.approx(1, abs=1)
    assert page.post("/api/collect", {"class": "cat", "event": 99}).status == 404


@pytest.mark.parametrize(
    "name", ["", " ", "..", ".hidden", "a/b", "a\\b", "a\nb", "_reserved", "x" * 300, "\x00", "\u202e"]
)
def test_class_that_cannot_be_a_folder_is_refused(page: RunningPage, name: str) -> None:
    assert page.post("/api/collect", {"class": name}).status == 400
    assert not list((page.folder).rglob("*.jpg"))


def test_images_are_listed_moved_discarded_and_zipped(page: RunningPage) -> None:
    first = page.post("/api/collect", {"class": "cat"}).json["path"]
    second = page.post("/api/collect", {"class": "cat"}).json["path"]
    listed = page.get("/api/collected?class=cat").json
    assert {one["path"] for one in listed["images"]} == {first, second} and listed["pages"] == 1
    assert page.get(listed["images"][0]["thumbnail"]).headers["content-type"] == "image/jpeg"
    moved = page.post("/api/collect/move", {"path": first, "class": "<b>dog"}).json
    assert page.get("/api/collected").json["counts"] == {"<b>dog": 1, "cat": 1}
    page.post("/api/collect/undo", {"undo": moved["undo"]})
    discarded = page.post("/api/collect/discard", {"path": second}).json
    assert page.get("/api/collected").json["counts"]["cat"] == 1
    archive = zipfile.ZipFile(io.BytesIO(page.get("/api/collected.zip").body))
    assert archive.testzip() is None and archive.namelist() == [first]
    assert page.post("/api/collect/undo", {"undo": discarded["undo"]}).json["path"] == second


@pytest.mark.parametrize(
    "path", ["../secret.jpg", "cat/../../secret.jpg", "/etc/passwd", "cat/link.jpg", "cat/.x.jpg", "no"]
)
def test_only_collected_images_are_given_out(page: RunningPage, path: str) -> None:
    page.post("/api/collect", {"class": "cat"})
    (page.folder / "secret.jpg").write_bytes(photo())
    (page.folder / "photos" / "cat" / "link.jpg").symlink_to(page.folder / "secret.jpg")
    assert page.get(f"/api/collected/image?path={path}").status == 404
    for action in ("move", "discard"):
        assert page.post(f"/api/collect/{action}", {"path": path, "class": "dog"}).status in (400, 404)
    assert page.post("/api/collect/discard", {"path": path}).status == 404
    assert (page.folder / "secret.jpg").exists()


def test_settings_change_together_or_not_at_all(page: RunningPage) -> None:
    changed = page.ask("PATCH", "/api/settings", {"threshold": 0.7, "smooth": 4, "roi": [0, 0, 0.5, 1], "paused": True})
    assert changed.json == {"threshold": 0.7, "smooth": 4, "roi": [0.0, 0.0, 0.5, 1.0], "paused": True, **NO_SHAPES}
    assert page.ask("PATCH", "/api/settings", {"threshold": 0.1, "smooth": 0}).status == 400
    assert page.control.threshold == 0.7
    for bad in ({"threshold": "1"}, {"threshold": True}, {"roi": [0, 0, 2, 1]}, {"roi": [1]}, {"x": 1}, [], 3):
        assert page.ask("PATCH", "/api/settings", bad).status == 400, bad


def test_lines_and_zones_change_on_the_running_loop_and_are_saved(tmp_path: Path) -> None:
    kept: list[dict[str, object]] = []

    def save(values: dict[str, object]) -> Path:
        kept.append(values)
        return tmp_path / "run.toml"

    with served(tmp_path, save=save, model=colors_detector(tmp_path)) as page:
        drawn = {"count_lines": ["0.5,1,0.5,0,Front door"], "zones": ["0,0,1,0,1,1"]}
        changed = page.ask("PATCH", "/api/settings", drawn).json
        assert (changed["count_lines"], changed["zones"]) == (["0.5,1,0.5,0,Front door"], ["0,0,1,0,1,1,zone1"])
        assert page.control.shapes.lines == (CountLine((0.5, 1.0), (0.5, 0.0), "Front door"),)
        found = parse(page.get("/api/status").body, "page_status")
        assert found["counts"] == {"Front door": {"forward": 0, "backward": 0}}
        assert found["zones"] == {"zone1": 0}
        for bad in (["0.5,1"], [3], ["0,0,1,1,a", "0,1,1,0,A"], ["0,0,0,0"]):
            answer = page.ask("PATCH", "/api/settings", {"count_lines": bad, "threshold": 0.9})
            assert answer.status == 400, bad
            assert page.control.threshold == 0.3
        page.ask("PATCH", "/api/settings", {"zones": []})
        page.post("/api/settings/save")
        assert kept[-1]["count_lines"] == page.control.shapes.lines
        assert kept[-1]["zones"] is None


def test_lines_need_a_detector(page: RunningPage) -> None:
    answer = page.ask("PATCH", "/api/settings", {"count_lines": ["0,0,1,1"]})
    assert answer.status == 400
    assert "this model finds no objects" in answer.json["detail"]


def test_event_of_a_track_shows_the_best_image_of_its_object(page: RunningPage) -> None:
    page.show(5)
    crop = Frame(np.full((40, 20, 3), 90, np.uint8))
    page.live.event(replace(entered(5), kind="crossed", track=1, line="door", direction="forward", crop=crop))
    image = decode.decode(page.get(f"/api/events/{page.live.last_event}.jpg").body, "crop")
    assert image.pixels.shape == (40, 20, 3)


def test_image_that_is_still_being_made_is_waited_for(page: RunningPage, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(frame: Frame, quality: int) -> bytes:
        time.sleep(0.5)
        return decode.encode_jpeg(frame, quality)

    monkeypatch.setattr(live, "IMAGE_S", 120.0)
    monkeypatch.setattr(live, "encode_jpeg", slowly)
    page.show(5)
    page.live.event(replace(entered(5), crop=Frame(np.full((40, 20, 3), 90, np.uint8))))
    assert page.get(f"/api/events/{page.live.last_event}.jpg").status == 200
    assert page.get(f"/api/events/{page.live.last_event + 1}.jpg").status == 404


def test_settings_are_saved_only_with_a_configuration_file(page: RunningPage, tmp_path: Path) -> None:
    assert page.post("/api/settings/save").status == 409
    kept: list[object] = []

    def save(values: dict[str, object]) -> Path:
        kept.append(values)
        if len(kept) > 1:
            raise CannotWrite("cannot write run.toml: disk full")
        return tmp_path / "run.toml"

    with served(tmp_path / "other", save=save) as other:
        assert other.post("/api/settings/save").json == {"path": str(tmp_path / "run.toml")}
        assert kept == [{"threshold": 0.3, "smooth": 1, "roi": None}]
        assert other.post("/api/settings/save").status == 503


def test_errors_are_problems(page: RunningPage) -> None:
    for answer, status in (
        (page.get("/nothing"), 404),
        (page.ask("DELETE", "/api/status"), 405),
        (page.post("/api/collect", b"{}", headers={"Content-Type": "text/plain"}), 415),
        (page.post("/api/collect", b"{", headers={"Content-Type": "application/json"}), 400),
        (page.post("/api/collect", {"class": "x" * 20_000}), 413),
        (page.get("/assets/../app.py"), 404),
        (page.get("/assets/%2e%2e%2fapp.py"), 404),
    ):
        assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")


def test_document_lists_every_route(page: RunningPage) -> None:
    document = page.get("/api/openapi.json").json
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(method, path) for method, path, _ in openapi.ROUTES}


def test_hostile_label_stays_inside_one_message(page: RunningPage) -> None:
    name = "</script>\r\n\r\nevent: x\u2028\x1b[31m" + "a" * 10_000
    page.show(3, name)
    page.live.event(entered(3, name))
    connection_lines = page_events(page, 4, name=name)
    frames = [json.loads(data) for kind, data in connection_lines if kind == "frame"]
    assert frames[0]["labels"][0]["name"] == name
    assert {kind for kind, _ in connection_lines} <= {"event", "frame", "status"}


def page_events(page: RunningPage, count: int, last: str | None = None, name: str = "cat") -> list[tuple[str, str]]:
    """Return the first messages of the event stream."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", page.live.port, timeout=120)
    headers = {} if last is None else {"Last-Event-ID": last}
    connection.request("GET", "/api/events", headers=headers)
    answer = connection.getresponse()
    assert answer.getheader("Content-Type", "").startswith("text/event-stream")
    found: list[tuple[str, str]] = []
    kind = ""
    while len(found) < count:
        line = answer.readline().decode().rstrip("\n")
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            found.append((kind, line[6:]))
            page.show(50 + len(found), name)
    connection.close()
    return found


def test_events_continue_after_the_last_one_received(page: RunningPage) -> None:
    for index in range(5):
        page.live.event(entered(index + 100))
    found = [json.loads(data)["id"] for kind, data in page_events(page, 4, last="3") if kind == "event"]
    assert found == [4, 5]


def test_metrics_count_events_and_hold_the_newest_scores(page: RunningPage) -> None:
    pytest.importorskip("prometheus_client")
    page.live.event(entered(0))
    page.live.event(entered(0))
    text = page.get("/metrics").body.decode()
    assert 'edgevision_events_total{kind="entered"} 2.0' in text
    assert 'label="cat"' in text
