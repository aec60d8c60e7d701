"""The labeling page through its HTTP API: class folders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette")
from documents import parse_lines
from edgevision.device.page.access import load_tokens
from label_page import LabelPage, content, draw, labeled, log_of

from edgevision import default_model
from edgevision.datasets.dataset import open_dataset
from edgevision.preprocessing import decode
from edgevision.types import Frame

COLLECTED = "cat/000007-20261130T080000Z.jpg"


@pytest.fixture()
def page(tmp_path: Path) -> Iterator[LabelPage]:
    folder = tmp_path / "photos"
    for seed, name in enumerate(("cat/a.png", "dog/b.png", "_unsure/1.png", "_unsure/2.png", "loose.png")):
        draw(folder / name, seed, (320, 240))
    # The same image, saved again at another size: a near-duplicate of _unsure/2.png.
    frame = decode.read(folder / "_unsure/2.png")
    (folder / "_unsure/3.jpg").write_bytes(decode.encode_jpeg(Frame(frame.pixels[:-2], "BGR"), 90))
    with labeled(folder, default_model.path()) as found:
        yield found


def paths(folder: Path) -> set[str]:
    return set(content(folder))


def test_unlabeled_images_come_first_and_near_duplicates_are_one(page: LabelPage) -> None:
    status = page.get("status?refresh=1")
    assert (status["form"], status["has_boxes"], status["role"]) == ("folder", False, "admin")
    assert status["views"] == {"todo": 3, "mistakes": 0, "all": 5}
    assert [one["name"] for one in status["classes"][:2]] == ["cat", "dog"]
    shown = page.get("item?view=todo")
    assert (shown["item"]["path"], shown["position"], shown["total"]) == ("_unsure/1.png", 1, 3)
    following = page.get(f"item?view=todo&number={shown['item']['number']}&step=1")
    assert following["item"]["path"] == "_unsure/2.png"
    assert [one["path"] for one in following["item"]["alike"]] == ["_unsure/3.jpg"]


def test_answer_moves_all_near_duplicates_or_only_one(page: LabelPage) -> None:
    number = page.get("item?view=todo")["item"]["number"]
    second = page.get(f"item?view=todo&number={number}&step=1")["item"]["number"]
    page.answer("label", second, label="cat")
    assert {"cat/2.png", "cat/3.jpg"} <= paths(page.folder)
    page.undo()
    page.answer("label", second, label="cat", alone=True)
    assert {"cat/2.png", "_unsure/3.jpg"} <= paths(page.folder)


def test_every_answer_shows_the_next_image_and_undo_brings_each_back(page: LabelPage) -> None:
    before = content(page.folder)
    number = page.get("item?view=todo")["item"]["number"]
    for action, more in (("label", {"label": "new bird"}), ("discard", {}), ("skip", {})):
        answer = page.answer(action, number, **more)
        number = answer["item"]["number"]
    assert "new bird/1.png" in paths(page.folder) and ".discarded/_unsure/2.png" in paths(page.folder)
    assert answer["item"]["path"] == "loose.png"  # skipped, and the only one left
    assert answer["status"]["progress"] == {"images": 4, "answered": 3, "left": 1}
    assert [page.undo()["action"] for _ in range(3)] == ["skip", "discard", "label"]
    assert content(page.folder) == before
    refused = page.ask("POST", "undo", {})
    assert (refused.status, refused.json["detail"]) == (400, "there is nothing to undo")


def test_result_is_what_train_reads_and_the_log_says_who_moved_what(page: LabelPage) -> None:
    number = page.get("item?view=todo")["item"]["number"]
    guess = page.get(f"items/{number}/guess")["labels"][0]
    page.answer("label", number, label="cat")
    dataset = open_dataset(page.folder)
    assert ("cat/1.png", ("cat",)) in [(item.path, item.labels) for item in dataset.items]
    (entry,) = parse_lines(log_of(page.folder).read_text(), "label_log")
    assert entry["changes"][0]["from"] == {"path": "_unsure/1.png", "label": None, "boxes": None}
    assert entry["changes"][0]["to"] == {"path": "cat/1.png", "label": "cat", "boxes": None}
    assert (entry["guess"]["label"], entry["guess"]["score"]) == (guess["label"], guess["score"])


def test_confirmed_image_does_not_come_back_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    draw(folder / COLLECTED, 1)
    draw(folder / "dog/b.png", 2)
    with labeled(folder) as page:
        shown = page.get("item?view=todo")["item"]  # labeled by the model that collected it
        assert shown["path"] == COLLECTED
        assert page.answer("label", shown["number"], label="cat")["item"] is None
    with labeled(folder) as page:
        assert page.get("status")["views"]["todo"] == 0
        assert page.undo()["item"]["path"] == COLLECTED
        assert page.get("status")["views"]["todo"] == 1


def test_images_of_splits_stay_in_their_split(tmp_path: Path) -> None:
    for seed, name in enumerate(("train/cat/a.png", "train/dog/b.png", "test/cat/c.png", "test/dog/d.png")):
        draw(tmp_path / "set" / name, seed)
    with labeled(tmp_path / "set") as page:
        shown = page.get("item?view=all")["item"]
        assert (shown["path"], shown["split"]) == ("test/cat/c.png", "test")
        page.answer("label", shown["number"], view="all", label="dog")
        assert "test/dog/c.png" in paths(page.folder)


def test_new_and_removed_images_are_noticed(page: LabelPage) -> None:
    draw(page.folder / "_unsure/4.png", 9)
    (page.folder / "loose.png").unlink()
    assert page.get("status?refresh=1")["progress"]["images"] == 6
    (page.folder / "_unsure/1.png").unlink()
    gone = page.ask("POST", "answer", {"number": page.get("item?view=todo")["item"]["number"], "action": "skip"})
    assert gone.status == 404 and "_unsure/1.png was moved or deleted by another program" in gone.json["detail"]


REFUSED: tuple[tuple[dict[str, object], str], ...] = (
    ({"number": 1, "action": "label", "label": "../up"}, "invalid class name '../up'"),
    ({"number": 1, "action": "label", "label": "_own"}, "invalid class name '_own'"),
    ({"number": 1, "action": "label"}, "send action label with a class"),
    ({"number": 1, "action": "boxes", "boxes": []}, "has class folders, not boxes"),
    ({"number": 1, "action": "skip", "view": "other"}, "unknown view 'other'"),
    ({"number": 99, "action": "skip"}, "there is no image 99"),
    ({"action": "skip"}, "number is missing"),
)


def test_bad_answers_are_one_line_and_change_nothing(page: LabelPage) -> None:
    before = content(page.folder)
    for body, said in REFUSED:
        answer = page.ask("POST", "answer", body)
        assert answer.status in (400, 404) and said in answer.json["detail"]
    assert content(page.folder) == before and not log_of(page.folder).exists()


def test_image_is_sent_no_wider_than_asked_for(page: LabelPage) -> None:
    answer = page.ask("GET", "items/1/image?width=160")
    assert answer.headers["content-type"] == "image/jpeg"
    assert decode.decode(answer.body, "x").width == 160


def test_others_need_the_token_and_viewers_change_nothing(tmp_path: Path) -> None:
    draw(tmp_path / "photos/_unsure/1.png", 1)
    with labeled(tmp_path / "photos", host="0.0.0.0") as page:
        tokens = load_tokens(tmp_path / "state")
        assert page.ask("GET", "status").status == 401
        viewer = {"Authorization": f"Bearer {tokens.viewer}"}
        assert page.ask("GET", "status", **viewer).json["role"] == "viewer"
        answer = {"number": 1, "action": "label", "label": "cat"}
        assert page.ask("POST", "answer", answer, **viewer).status == 403
        assert page.ask("POST", "answer", answer, Authorization=f"Bearer {tokens.admin}").status == 200
        assert page.ask("POST", "undo", {}, Origin="http://evil.example").status == 403
    assert json.loads(log_of(page.folder).read_text())["action"] == "label"
