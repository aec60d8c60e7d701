"""``edgevision train --task anomaly``: from photos of good things to a model that runs, and is measured on drawn defects."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import edgevision
from documents import parse
from edgevision.convert.synthetic.defects import DEFECTS, draw, write_product
from edgevision.convert.training.anomaly.core_set import core_set, limit_of
from edgevision.convert.training.anomaly.photos import find_good
from hypothesis import given
from hypothesis import strategies as st

from edgevision import open_model
from edgevision.errors import BadInput
from edgevision.preprocessing import decode

PRODUCT = 4


def test_core_set_covers_all_patches_and_has_no_copies() -> None:
    random = np.random.default_rng(0)
    patches = np.concatenate([random.normal(center, 0.01, (500, 3)) for center in range(5)]).astype(np.float32)
    chosen = core_set(patches, 5, seed=0)
    assert {int(number) // 500 for number in chosen} == set(range(5)), "one of each group"
    assert len(core_set(np.repeat(patches[:3], 9, axis=0), 20, seed=0)) == 3


@given(st.integers(3, 200), st.floats(0.005, 0.5))
def test_limit_promises_no_more_than_the_photos_can_show(count: int, rate: float) -> None:
    limit = limit_of(np.arange(1.0, count + 1), rate)
    beyond = count - limit.distance
    assert limit.false_alarm_rate == pytest.approx((beyond + 1) / (count + 1))
    assert limit.false_alarm_rate <= max(rate, 1 / (count + 1)) + 1e-9


def test_good_photos_are_found_without_copies_and_damaged_files(tmp_path: Path) -> None:
    write_product(tmp_path, PRODUCT, 12, 1)
    (tmp_path / "good" / "copy.png").write_bytes((tmp_path / "good" / "0000.png").read_bytes())
    (tmp_path / "good" / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    found = find_good(tmp_path, seed=0)
    assert (len(found.core), len(found.held_out), found.skipped) == (9, 3, 2)
    assert all(path.parent.name == "good" for path in (*found.core, *found.held_out)), "defects are not good"
    with pytest.raises(BadInput):
        find_good(tmp_path / "hole", seed=0)


def test_sub_folders_that_are_all_taken_as_good_are_named(tmp_path: Path) -> None:
    write_product(tmp_path, PRODUCT, 12, 1)
    assert find_good(tmp_path, seed=0).folders == (), "only those in good are taken"
    (tmp_path / "good").rename(tmp_path / "monday")
    assert find_good(tmp_path, seed=0).folders == tuple(sorted((*DEFECTS, "monday")))


def test_defects_change_only_a_part_of_the_product() -> None:
    for name, defect in DEFECTS.items():
        good = draw(PRODUCT, np.random.default_rng(3)).pixels.astype(int)
        random = np.random.default_rng(5)
        broken = draw(PRODUCT, random, defect).pixels.astype(int)
        assert np.abs(broken - np.median(good)).max() > 20, name


@pytest.mark.slow
@pytest.mark.tensorflow
def test_model_finds_drawn_defects_and_goes_where_others_go(tmp_path: Path) -> None:
    write_product(tmp_path / "photos", PRODUCT, 60, 1)
    write_product(tmp_path / "test", PRODUCT, 30, 10, seed=1)
    train = ("train", "photos", "--task", "anomaly", "--weights", "starter", "-o", "run", "--json", "--quiet")
    made = parse(edgevision(*train, cwd=tmp_path).stdout, "train")
    assert made["pictures"] == {"train": 45, "val": 15, "test": 0}
    model = Path(made["model"]) if Path(made["model"]).is_absolute() else tmp_path / made["model"]
    done = edgevision("evaluate", model, "test", "--json", "--quiet", cwd=tmp_path)
    found = parse(done.stdout, "evaluate_anomaly")
    assert found["auc"]["low"] > 0.9
    assert {kind["name"] for kind in found["kinds"]} == set(DEFECTS)
    inspected = parse(edgevision("inspect", model, "--json", cwd=tmp_path).stdout, "inspect")
    assert (inspected["card"]["task"], inspected["all_int8"]) == ("anomaly", True)
    with open_model(model) as opened:
        seen = opened.predict(decode.read(tmp_path / "test" / "hole" / "0000.png"))
        assert seen.anomaly is not None
        assert seen.anomaly.is_anomalous
    bench = edgevision("bench", model, "--seconds", "1", "--json", "--quiet", cwd=tmp_path)
    assert json.loads(bench.stdout)["results"][0]["model"]["task"] == "anomaly"
