"""Trials on several machines: handed out, compared, repeated when a machine is lost."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from edgevision.convert.training.config.augmentation import Augmentation
from edgevision.convert.training.fit.checkpoint import State
from edgevision.convert.training.fit.early_stopping import Selection
from edgevision.convert.training.fit.plan import TrainPlan
from edgevision.convert.training.fit.time_budget import Length, TimeBudget
from edgevision.convert.training.fit.trial import TrialEpoch
from edgevision.convert.training.fit.trials import MAX_TRIALS, Trials
from edgevision.convert.training.fit.tried import FINISHED, STOPPED, Tried
from edgevision.convert.training.monitor.history import Epoch
from edgevision.convert.training.monitor.observer import TrainingObserver
from edgevision.convert.training.network.backbones import BackboneSpec
from edgevision.convert.training.remote_trials.messages import (
    Answer,
    Begin,
    End,
    Ended,
    GoOn,
    Lost,
    Over,
    Prepare,
    Ready,
    Request,
)
from edgevision.convert.training.remote_trials.parallel_search import ParallelSearch

from edgevision.errors import RemoteUnreachable

pytest.importorskip("optuna")
EPOCHS = 9
PLAN = TrainPlan(
    choice=BackboneSpec("mobilenet_v2", 96, 0.35),
    weights="starter",
    dropout=0.2,
    head_epochs=8,
    epochs=EPOCHS,
    time_s=None,
    fine_tune_blocks=17,
    batch_size=32,
    head_rate=1e-3,
    learning_rate=2e-3,
    layer_decay=1.0,
    schedule="cosine",
    weight_decay=1e-4,
    label_smoothing=0.1,
    patience=8,
    class_weights="auto",
    once=False,
    augment_copies=1,
    augmentation=Augmentation(),
    mixed=False,
    seed=1,
    search=True,
)


class Noting(TrainingObserver):
    """Observer that keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.epochs: list[tuple[int, str]] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def trial_epoch(self, trial: int, machine: str, row: Any) -> None:
        self.epochs.append((trial, machine))


class FakeMachines:
    """Machines that answer in turn; a trial's loss is its number, or what ``losses`` says.

    ``fails``: (machine, trial) at whose second epoch the machine is lost; trial 0: it never gets ready.
    """

    def __init__(self, count: int, fails: set[tuple[int, int]] | None = None, losses: dict[int, float] | None = None):
        self.names = tuple("abcdef"[:count])
        self._fails, self._losses = fails or set(), losses or {}
        self._asked: deque[tuple[int, Request]] = deque()
        self._running: dict[int, tuple[Begin, int]] = {}
        self.begun: list[tuple[int, int]] = []
        self.at_once = 0

    def ask(self, machine: int, request: Request) -> None:
        assert machine not in {one for one, _ in self._asked}, "one request after another"
        self._asked.append((machine, request))

    def answer(self) -> tuple[int, Answer] | None:
        machine, request = self._asked.popleft()
        return machine, self._answer(machine, request)

    def _answer(self, machine: int, request: Request) -> Answer:
        if isinstance(request, Prepare):
            return Lost("no memory") if (machine, 0) in self._fails else Ready()
        if isinstance(request, Begin):
            self.begun.append((machine, request.number))
            self._running[machine] = (request, 0)
            self.at_once = max(self.at_once, len(self._running))
        begin, epoch = self._running[machine]
        loss = self._losses.get(begin.number, float(begin.number))
        if isinstance(request, End):
            del self._running[machine]
            return self._ended(begin, epoch, loss, request.stopped)
        if isinstance(request, GoOn) and (machine, begin.number) in self._fails:
            del self._running[machine]
            return Lost("its process ended")
        if epoch == EPOCHS:
            return Over()
        self._running[machine] = (begin, epoch + 1)
        return TrialEpoch(epoch + 1, loss, _row(epoch + 1, loss))

    @staticmethod
    def _ended(begin: Begin, epoch: int, loss: float, stopped: bool) -> Ended:
        candidate, result = begin.candidate, STOPPED if stopped else FINISHED
        settings = (candidate.learning_rate, candidate.layer_decay, candidate.fine_tune_blocks)
        state = State[Epoch](selection=Selection(kept=loss), phase=2)
        return Ended(Tried(begin.number, *settings, epoch, float(epoch), loss, 0.9, result), state)


def _row(epoch: int, loss: float) -> Epoch:
    return Epoch(epoch, "fine-tune", 1.0, 1e-3, loss, 0.9, loss, 0.9, "none")


def _search(machines: FakeMachines, budget: TimeBudget | None = None) -> tuple[Trials, Noting]:
    watcher = Noting()
    trials = Trials(None, PLAN, None, watcher, budget, Length(EPOCHS, 10))  # type: ignore[arg-type]  # no network
    ParallelSearch(lambda *_: machines, len(machines.names), "resume it").run(trials, State[Epoch]())
    return trials, watcher


def test_each_machine_gets_a_trial_and_the_best_is_kept() -> None:
    machines = FakeMachines(3, losses={5: 0.5})
    trials, watcher = _search(machines)
    assert machines.at_once == 3
    assert sorted(row.number for row in trials.rows) == list(range(1, MAX_TRIALS + 1))
    kept = [row for row in trials.rows if row.result == "kept"]
    assert [row.number for row in kept] == [5]
    assert trials.best is not None and trials.best.selection.kept == 0.5
    assert sum(row.epochs for row in trials.rows) == len(watcher.epochs)
    assert any(row.result == STOPPED and row.epochs < EPOCHS for row in trials.rows)


def test_one_machine_tries_the_same_as_without_a_cluster() -> None:
    machines = FakeMachines(1)
    trials, _ = _search(machines)
    engine = trials.engine()
    wanted = [engine.next() for _ in range(MAX_TRIALS)]
    assert [(r.learning_rate, r.layer_decay, r.fine_tune_blocks) for r in trials.rows] == [
        (c.learning_rate, c.layer_decay, c.fine_tune_blocks) for c in wanted if c is not None
    ]


def test_trial_of_a_lost_machine_begins_again_on_another() -> None:
    machines = FakeMachines(2, fails={(1, 2)}, losses={2: 0.5})
    trials, watcher = _search(machines)
    assert [machine for machine, trial in machines.begun if trial == 2] == [1, 0]
    assert sorted(row.number for row in trials.rows) == list(range(1, MAX_TRIALS + 1))
    lost = [line for line in watcher.notes if "lost" in line]
    assert lost == ["trial 2 lost its machine b (its process ended); it begins again on another"]


def test_trial_that_loses_two_machines_is_left_out() -> None:
    machines = FakeMachines(3, fails={(machine, 3) for machine in range(3)}, losses={3: 0.5})
    trials, watcher = _search(machines)
    assert 3 not in {row.number for row in trials.rows}
    assert any(line.startswith("trial 3 was lost on ") and "it is left out" in line for line in watcher.notes)
    assert len(trials.rows) == MAX_TRIALS - 1


def test_machine_that_never_gets_ready_is_named() -> None:
    trials, watcher = _search(FakeMachines(2, fails={(0, 0)}))
    assert "machine a was lost (no memory); the others go on" in watcher.notes
    assert len(trials.rows) == MAX_TRIALS


def test_all_machines_lost_before_a_result_is_an_error() -> None:
    with pytest.raises(RemoteUnreachable, match="all machines were lost before a trial ended; resume it"):
        _search(FakeMachines(2, fails={(0, 1), (1, 2), (0, 2), (1, 1)}, losses={2: 0.5}))


def test_all_machines_lost_after_a_result_keep_it() -> None:
    trials, watcher = _search(FakeMachines(1, fails={(0, 3)}, losses={3: 0.5}))
    assert [row.number for row in trials.rows] == [1, 2]
    assert watcher.notes[-1] == "all machines were lost; going on with the best of the trials that have ended"


def test_no_trial_begins_without_time() -> None:
    spent = TimeBudget(100.0, 0.0, clock=lambda: 99.0)
    machines = FakeMachines(2)
    trials, _ = _search(machines, spent)
    assert len(trials.rows) == 2, "each machine has one; then their times are known"
