"""The labeling page of the live page: what the device collected, with the guesses of the running model."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("starlette")
from label_page import content, draw, log_of
from page_server import served

from edgevision import open_model


def test_collected_images_are_labeled_on_the_live_page(tmp_path: Path) -> None:
    with served(tmp_path) as page:
        none = page.get("/label/api/status")
        assert none.status == 404 and "no images are collected yet" in none.json["detail"]
        assert page.get("/label/").status == 200
        draw(page.folder / "photos/_unsure/000001-20261130T080000Z.jpg", 1)
        status = page.get("/label/api/status?refresh=1").json
        assert (status["folder"], status["views"]["todo"], status["model"]["task"]) == ("photos", 1, "classification")
        number = page.get("/label/api/item").json["item"]["number"]
        with open_model() as model:
            best = page.get(f"/label/api/items/{number}/guess").json["labels"][0]
            assert best["label"] in model.card.labels
        answer = page.post("/label/api/answer", {"number": number, "action": "label", "label": best["label"]})
        assert answer.status == 200 and answer.json["item"] is None
        assert list(content(page.folder / "photos")) == [f"{best['label']}/000001-20261130T080000Z.jpg"]
        assert page.get("/api/status").json["collect"] == {"_unsure": 0, best["label"]: 1}
    assert log_of(page.folder / "photos").exists()
