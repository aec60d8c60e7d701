"""--quality best: settings are drawn, most trials are stopped early, and the best is kept."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from edgevision.convert import TrainSettings
from edgevision.convert.training.config import config_file
from edgevision.convert.training.fit.checkpoint import State
from edgevision.convert.training.fit.early_stopping import MIN_VALIDATION_IMAGES
from edgevision.convert.training.fit.plan import TrainPlan, make_plan
from edgevision.convert.training.fit.trial_engine import Candidate, Engine
from edgevision.convert.training.fit.trials import MAX_TRIALS, Trials, kept_plan
from edgevision.convert.training.fit.tried import Tried
from edgevision.convert.training.monitor.history import Epoch
from edgevision.convert.training.monitor.observer import TrainingObserver
from edgevision.convert.training.network.backbones import BackboneSpec
from edgevision.convert.training.network.head import goal_of
from edgevision.convert.training.network.network import open_network
from edgevision.convert.training.remote_trials import ray_cluster
from edgevision.convert.training.remote_trials.messages import Answer, Request
from edgevision.convert.training.remote_trials.parallel_search import ParallelSearch
from edgevision.convert.training.remote_trials.task import TrialTask, pixels_of, task_of
from edgevision.convert.training.remote_trials.trial_runner import TrialRunner
from edgevision.convert.training.report.result import TrainResult
from edgevision.convert.training.run import TrainRequest, train
from small_training import noisy_photos

from edgevision.errors import BadInput
from edgevision.evaluation.evaluate import Evaluation

pytestmark = pytest.mark.tensorflow
EPOCHS = 9
TINY = TrainSettings(
    backbone="cnn",
    weights="none",
    image_size=16,
    cnn_filters=(8,),
    cnn_dense=8,
    epochs=4,
    quality="best",
    patience=9,
)


@pytest.fixture(scope="module")
def plan() -> TrainPlan:
    """Return the plan of a small network with 13 blocks."""
    network = open_network(BackboneSpec("mobilenet", 32, 0.25), goal_of(("a", "b"), False), "none", 0.0)
    return make_plan(TrainSettings(weights="imagenet", quality="best"), network, 500, gpu=False)


def test_first_trial_has_the_defaults_and_none_is_repeated(plan: TrainPlan) -> None:
    engine = Engine(plan, EPOCHS, seed=1)
    first = engine.next()
    assert first is not None
    assert (first.learning_rate, first.layer_decay) == (plan.learning_rate, plan.layer_decay)
    assert first.fine_tune_blocks == plan.fine_tune_blocks == 13
    found = [first]
    for candidate in iter(engine.next, None):
        found.append(candidate)
        engine.end(candidate, 0.5, stopped=False)
    assert len(found) == len(set(found)) >= MAX_TRIALS


def test_trials_that_fall_behind_are_stopped(plan: TrainPlan) -> None:
    engine = Engine(plan, EPOCHS, seed=1)
    epochs = []
    for quality in (0.1, 0.5, 0.6, 0.05):
        candidate = engine.next()
        assert candidate is not None
        ran = next(_epochs_until_stopped(engine, candidate, quality), EPOCHS)
        engine.end(candidate, quality, stopped=ran < EPOCHS)
        epochs.append(ran)
    assert epochs[0] == EPOCHS and epochs[3] == EPOCHS, "the best so far runs to its end"
    assert epochs[1] < EPOCHS and epochs[2] < EPOCHS


def _epochs_until_stopped(engine: Engine, candidate: Candidate, loss: float) -> Iterator[int]:
    return (epoch for epoch in range(1, EPOCHS + 1) if engine.falls_behind(candidate, epoch, loss))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return photos with just enough validation images."""
    return noisy_photos(tmp_path_factory.mktemp("photos") / "p", MIN_VALIDATION_IMAGES // 2)


@pytest.fixture(scope="module")
def tried(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """Return a finished training that tried several settings."""
    done = train(TrainRequest(photos, TINY, tmp_path_factory.mktemp("runs")), TrainingObserver())
    assert isinstance(done, TrainResult)
    return done


def test_best_trial_is_kept_and_all_are_listed(tried: TrainResult) -> None:
    with (tried.folder / "tried.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["number"] for row in rows] == [str(n + 1) for n in range(len(rows))]
    kept = [row for row in tried.tried if row.result == "kept"]
    assert len(kept) == 1
    assert kept[0].val_calibrated_loss == min(row.val_calibrated_loss for row in tried.tried)
    assert len(tried.history) == kept[0].epochs
    assert tried.plan.learning_rate == kept[0].learning_rate
    assert any(row.result == "stopped" for row in tried.tried)
    assert "What was tried" in (tried.folder / "report.html").read_text()


class _OtherMachine:
    """A machine of a cluster that is this process."""

    names = ("other",)

    def __init__(self, task: TrialTask, train: np.ndarray, val: np.ndarray) -> None:
        self._runner = TrialRunner(deepcopy(task), train, val)
        self._asked: list[Request] = []

    def ask(self, machine: int, request: Request) -> None:
        self._asked.append(request)

    def answer(self) -> tuple[int, Answer]:
        return 0, self._runner.serve(self._asked.pop())


class _Cluster:
    """A cluster of one machine."""

    @staticmethod
    def search(folder: Path) -> ParallelSearch:
        def machines(trials: Trials, state: State[Epoch]) -> _OtherMachine:
            return _OtherMachine(task_of(trials, state), *pixels_of(trials.sets.train, trials.sets.val))

        return ParallelSearch(machines, 1, "resume it")


def test_trials_on_another_machine_equal_those_on_this_one(
    tried: TrainResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "open_cluster", lambda address, note: nullcontext(_Cluster()))
    request = TrainRequest(tried.photos, TINY, tmp_path, ray="10.0.0.5:6379")
    found = train(request, TrainingObserver())
    assert isinstance(found, TrainResult)
    assert [replace(row, seconds=0.0) for row in found.tried] == [replace(row, seconds=0.0) for row in tried.tried]
    assert [row.loss for row in found.history] == [row.loss for row in tried.history]
    assert isinstance(found.evaluation, Evaluation) and isinstance(tried.evaluation, Evaluation)
    assert found.evaluation.metrics.accuracy == tried.evaluation.metrics.accuracy


def test_ray_is_refused_without_trials(tried: TrainResult, tmp_path: Path) -> None:
    request = TrainRequest(tried.photos, replace(TINY, quality="good"), tmp_path, ray="local")
    with pytest.raises(BadInput, match="add --quality best, or omit --ray"):
        train(request, TrainingObserver())


def test_config_repeats_the_trial_that_was_kept(tried: TrainResult, tmp_path: Path) -> None:
    values, _ = config_file.read(tried.folder / "config.toml")
    assert values["quality"] == "good"
    again = train(TrainRequest(tried.photos, TrainSettings(**values), tmp_path), TrainingObserver())
    assert [row.loss for row in again.history] == [row.loss for row in tried.history]


def test_few_validation_images_compare_nothing(tmp_path: Path) -> None:
    class Noting(TrainingObserver):
        notes: tuple[str, ...] = ()

        def note(self, text: str) -> None:
            self.notes += (text,)

    photos = noisy_photos(tmp_path / "photos", 3)
    watcher = Noting()
    done = train(TrainRequest(photos, replace(TINY, epochs=1), tmp_path / "runs"), watcher)
    assert isinstance(done, TrainResult) and not done.tried
    assert any("too few to compare settings" in line for line in watcher.notes)
    assert not (done.folder / "tried.csv").exists()
    shutil.rmtree(photos)


def test_plan_without_trials_stays_the_same(plan: TrainPlan) -> None:
    row = Tried(1, 0.5, 1.0, 2, 3, 1.0, 0.4, 0.9, "stopped")
    assert kept_plan(plan, [row]) == plan
    chosen = kept_plan(plan, [row, replace(row, result="kept")])
    assert (chosen.learning_rate, chosen.fine_tune_blocks, chosen.search) == (0.5, 2, False)
