"""``run --collect``: which images are kept, how many and where, and that the loop never waits for them."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from command_line import edgevision
from documents import parse
from edgevision.device.collection.collector import Collector
from edgevision.device.collection.quota_store import OURS, Store, folder_name
from edgevision.device.collection.selection import Novelty, Pace, is_unsure
from edgevision.device.stream.events import Event
from edgevision.device.system.clock import Clock
from hypothesis import given
from hypothesis import strategies as st

from edgevision.byte_sizes import format_bytes, parse_bytes
from edgevision.datasets.dataset import open_dataset
from edgevision.errors import BadInput, CannotWrite
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Detection, Frame, Label, Prediction, Region

ROOMY = 10**12


def frame(seed: int, at: float | None = None, index: int | None = None) -> Frame:
    """Return an image unlike those of other seeds."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    big = np.kron(small, np.ones((10, 10, 1), np.uint8)).astype(np.uint8)
    return Frame(big, "RGB", index=seed if index is None else index, captured_at=at)


def answer(*scores: float) -> Prediction:
    return Prediction("classification", tuple(Label(i, f"c{i}", score) for i, score in enumerate(scores)))


def came(name: str, index: int, kind: str = "entered") -> Event:
    return Event(kind, "2026-01-01T00:00:00.000Z", index, name, Label(0, name, 0.9))


@pytest.mark.parametrize(
    ("prediction", "threshold", "unsure"),
    [
        (answer(0.9, 0.1), None, False),
        (answer(0.9), 0.5, False),
        (answer(0.55, 0.4), None, True),
        (answer(0.62, 0.38), None, False),
        (answer(0.61, 0.45), None, True),
        (answer(), 0.5, True),
        (answer(0.85), 0.8, True),
        (Prediction("multilabel", (Label(0, "a", 0.95), Label(1, "b", 0.52))), 0.5, True),
        (Prediction("multilabel", (Label(0, "a", 0.95),)), 0.5, False),
        (Prediction("multilabel"), 0.5, False),
        (Prediction("detection", objects=(Detection(0, "a", 0.55, (0, 0, 1, 1)),)), None, True),
        (Prediction("detection", objects=(Detection(0, "a", 0.9, (0, 0, 1, 1)),)), None, False),
        (Prediction("detection"), None, False),
        (Prediction("segmentation", regions=(Region(0, "a", 0.01, 5),)), None, False),
        (Prediction("embedding", embedding=(1.0,)), None, False),
        (Prediction("embedding", (Label(0, "a", 0.05),)), None, False),
        (Prediction("embedding", (Label(0, "a", 0.55),)), None, True),
    ],
)
def test_unsure_predictions_are_recognized(prediction: Prediction, threshold: float | None, unsure: bool) -> None:
    assert is_unsure(prediction, threshold) is unsure


def test_flickering_scene_is_kept_at_a_limited_rate() -> None:
    pace = Pace(every_s=5, burst=20, refill_s=60)
    a_day = sum(pace.allows(second / 2) for second in range(2 * 24 * 3600))
    assert a_day <= 20 + 24 * 60
    first = Pace(every_s=5, burst=20, refill_s=60)
    assert sum(first.allows(second / 2) for second in range(2 * 100)) == 20
    assert Pace().allows(None)
    assert sum(Pace().allows(None) for _ in range(100)) == 100


@given(st.lists(st.floats(0, 1e5), max_size=60))
def test_two_images_are_never_closer_than_the_interval(times: list[float]) -> None:
    pace, kept = Pace(), []
    for at in sorted(times):
        if pace.allows(at):
            kept.append(at)
    assert all(b - a >= pace.every_s for a, b in itertools.pairwise(kept))


def test_restarted_video_resets_the_rate_limit() -> None:
    pace = Pace()
    assert pace.allows(1000.0)
    assert pace.allows(0.0)


def test_same_image_is_kept_once() -> None:
    novelty = Novelty(size=2)
    assert novelty.is_new(frame(1))
    noisy = frame(1)
    noise = np.random.default_rng(0).integers(-6, 7, noisy.pixels.shape)
    assert not novelty.is_new(Frame(np.clip(noisy.pixels + noise, 0, 255).astype(np.uint8), "RGB"))
    assert novelty.is_new(frame(2))
    assert novelty.is_new(frame(3))
    assert novelty.is_new(frame(1)), "only the last images are remembered"
    assert not novelty.is_new(Frame(np.full((40, 40, 3), 7, np.uint8), "RGB")), "a blank image is useless for training"


def kept(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_oldest_collected_images_are_deleted_first(tmp_path: Path) -> None:
    theirs = tmp_path / "cat" / "mine.jpg"
    theirs.parent.mkdir()
    theirs.write_bytes(b"x" * 5000)
    store = Store(tmp_path, 250, free=lambda _: ROOMY)
    paths = [store.add("cat" if n % 2 else "dog", b"j" * 100, 1.75e9) for n in range(5)]
    assert [path.exists() for path in paths] == [False, False, False, True, True]
    assert theirs.exists()
    assert (store.bytes, len(store)) == (200, 2)
    assert all(OURS.fullmatch(path.name) for path in paths)


def test_quota_includes_earlier_runs_but_not_moved_images(tmp_path: Path) -> None:
    first = Store(tmp_path, 300, free=lambda _: ROOMY)
    paths = [first.add("cat", b"j" * 100, 1.75e9) for _ in range(3)]
    paths[0].rename(tmp_path / "cat" / "sorted.jpg")
    second = Store(tmp_path, 300, free=lambda _: ROOMY)
    assert second.bytes == 200
    # A clock set back changes nothing: the running number decides what is oldest.
    newest = [second.add("cat", b"j" * 100, 0.0) for _ in range(2)]
    assert [path.exists() for path in (*paths, *newest)] == [False, False, True, True, True]
    assert (tmp_path / "cat" / "sorted.jpg").exists()


def test_full_disk_and_small_quota_are_reported(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="MB free on the disk"):
        Store(tmp_path, 300, free=lambda _: 1000).add("cat", b"j", 0.0)
    with pytest.raises(CannotWrite, match="quota of 300"):
        Store(tmp_path, 300, free=lambda _: ROOMY).add("cat", b"j" * 301, 0.0)
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="cannot collect"):
        Store(tmp_path / "file", 300)
    assert kept(tmp_path) == ["file"]


@given(st.text(max_size=300))
def test_labels_become_safe_folder_names(label: str) -> None:
    name = folder_name(label)
    assert name
    assert not set(name) & set('/\\\0\n:*?"<>|')
    assert name not in (".", "..")
    assert not name.startswith(".")
    assert Path(name).name == name


def test_unsure_and_changed_frames_are_kept_by_label(tmp_path: Path) -> None:
    clock = Clock(wall=lambda: 1.75e9)
    collector = Collector(Store(tmp_path, ROOMY, free=lambda _: ROOMY), None, clock)
    for index, scores in enumerate([(0.9, 0.1), (0.5, 0.4), (0.9, 0.1), (0.8, 0.1)]):
        collector.write(frame(index, at=index * 10.0), answer(*scores))
        if index == 0:
            collector.event(came("cat", 0))
        elif index == 2:
            collector.event(came("a/b", 2, "changed"))
        elif index == 3:
            collector.event(came("cat", 2))  # its frame is no longer available
            collector.event(came("dog", 3, "left"))
            collector.event(Event("throttled", "", 3, "hot"))
    collector.close()
    names = kept(tmp_path)
    assert [name.split("/")[0] for name in names] == ["_unsure", "a_b", "cat"]
    assert collector.written == 3
    found = decode.read(tmp_path / names[2])
    assert np.abs(found.pixels[..., ::-1].astype(int) - frame(0).pixels).mean() < 10


def test_unsure_frame_is_not_also_kept_under_a_label(tmp_path: Path) -> None:
    collector = Collector(Store(tmp_path, ROOMY, free=lambda _: ROOMY), None)
    collector.write(frame(1), answer(0.5, 0.45))
    collector.event(came("cat", 1))
    collector.close()
    assert [name.split("/")[0] for name in kept(tmp_path)] == ["_unsure"]


class StuckStore(Store):
    """A disk that blocks until released."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ROOMY, free=lambda _: ROOMY)
        self.go = threading.Event()

    def add(self, label: str, jpeg: bytes, wall_s: float, score: float | None = None) -> Path:
        self.go.wait(600)
        return super().add(label, jpeg, wall_s, score)


def test_blocked_disk_never_blocks_the_loop(tmp_path: Path) -> None:
    store = StuckStore(tmp_path)
    collector = Collector(store, None)
    for index in range(50):
        collector.write(frame(index), answer(0.5, 0.4))  # would block forever here
    assert collector.dropped >= 40
    store.go.set()
    collector.close()
    assert 1 <= collector.written <= 10


def test_video_file_waits_for_the_disk(tmp_path: Path) -> None:
    store = StuckStore(tmp_path)
    collector = Collector(store, None, lossless=True)
    threading.Timer(0.05, store.go.set).start()
    for index in range(12):
        collector.write(frame(index), answer(0.5, 0.4))
    collector.close()
    assert (collector.written, collector.dropped) == (12, 0)


def test_full_disk_is_reported_until_there_is_space(tmp_path: Path) -> None:
    free = [0]
    collector = Collector(Store(tmp_path, ROOMY, free=lambda _: free[0]), None)

    def tried(first: int, wanted: type[Exception] | None) -> None:
        """Offer images until the writing thread has failed with ``wanted``, or succeeded if None."""
        for index in range(first, first + 24_000):
            try:
                collector.write(frame(index), answer(0.5, 0.4))
            except CannotWrite as error:
                if wanted is not None:
                    assert "MB free on the disk" in str(error)
                    return
            else:
                if wanted is None and collector.written:
                    return
            threading.Event().wait(0.005)
        pytest.fail("the writing thread did not reach the expected state")

    tried(0, CannotWrite)
    free[0] = ROOMY
    tried(5000, None)
    collector.close()
    assert kept(tmp_path)


@pytest.mark.parametrize(
    ("text", "size"),
    [("500MB", 500_000_000), ("2GB", 2_000_000_000), ("1.5 MB", 1_500_000), ("10kb", 10_000), ("7", 7), ("7B", 7)],
)
def test_byte_sizes_are_parsed(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-5MB", "5XB", "0", "0.1", "nan", "1e9", "5MBB", "9" * 40])
def test_invalid_byte_sizes_are_rejected(text: str) -> None:
    with pytest.raises(ValueError):
        parse_bytes(text)


@given(st.integers(1, 10**15))
def test_byte_sizes_survive_a_round_trip(size: int) -> None:
    assert parse_bytes(format_bytes(size)) == size


def test_run_collects_images_that_train_can_read(data: Path, tmp_path: Path) -> None:
    file = model_file.read(data / "tiny.tflite")
    spec = file.inputs[0]
    rule = Preprocessing(spec.shape[2], spec.shape[1], mean=(float(spec.zero_point),), std=(1 / spec.scale,))
    model, folder, summary = tmp_path / "m.tflite", tmp_path / "collected", tmp_path / "run.json"
    model_file.write(model, file.flatbuffer, ModelCard("colours", "classification", rule, ("red", "green", "blue")))
    args = ["run", model, "--camera", "fake:ok*5", "--collect", folder, "--summary", summary, "--json"]
    done = edgevision(*args, "--threshold", "1")
    assert done.returncode == 0, done.stderr
    assert {name.split("/")[0] for name in kept(folder)} == {"_unsure"}
    (sink,) = (one for one in parse(summary.read_text(), "run")["sinks"] if one["spec"].startswith("collect"))
    assert sink["written"] == len(kept(folder))
    # Images that nobody has sorted yet do not form a class.
    with pytest.raises(BadInput):
        open_dataset(folder)
    for name in ("red", "blue"):
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes(decode.encode_png(frame(1)))
    found = open_dataset(folder)
    assert found.classes == ("blue", "red")
    assert [one.reason for one in found.skipped] == ["not sorted yet; move it into the folder of its class"]


def test_unusable_collect_folder_gives_a_one_line_error(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = edgevision("run", "--camera", "test:", "--limit", "2", "--collect", tmp_path / "file" / "x")
    assert done.returncode == 1
    assert "cannot collect images in" in done.stderr.splitlines()[-1]


def test_collected_photos_have_the_full_camera_resolution(data: Path, tmp_path: Path) -> None:
    """Without --collect, a live JPEG stream would be decoded no larger than this small model needs."""
    file = model_file.read(data / "tiny.tflite")
    spec = file.inputs[0]
    rule = Preprocessing(spec.shape[2], spec.shape[1], mean=(float(spec.zero_point),), std=(1 / spec.scale,))
    model, folder = tmp_path / "m.tflite", tmp_path / "collected"
    model_file.write(model, file.flatbuffer, ModelCard("colours", "classification", rule, ("red", "green", "blue")))
    big = np.kron(frame(1).pixels, np.ones((8, 8, 1), np.uint8))
    done = subprocess.run(
        [sys.executable, "-m", "edgevision", "run", str(model), "--camera", "-", "--collect", str(folder),
         "--threshold", "1", "--json"],
        input=decode.encode_jpeg(Frame(big, "RGB")),
        capture_output=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    sizes = [decode.read(path).pixels.shape for path in folder.rglob("*.jpg")]
    assert sizes == [big.shape], done.stderr.decode()
