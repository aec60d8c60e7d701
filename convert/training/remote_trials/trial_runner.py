"""What a machine does for the trials of another one's training."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

from ... import backend
from ..fit.time_budget import TimeBudget
from ..fit.trial import Trial, TrialEpoch, open_trial
from ..input.image_cache import KeptPixels
from ..monitor.observer import TrainingObserver
from ..network.initial_weights import NONE
from ..network.network import Network, open_network
from .messages import Answer, Begin, End, Ended, GoOn, Over, Prepare, Ready, Request
from .task import TrialTask

if TYPE_CHECKING:
    from edgevision.types import Pixels


class TrialRunner:
    """Trials on one machine, one after another, each epoch upon request."""

    def __init__(self, task: TrialTask, train: Pixels, val: Pixels) -> None:
        """``train``, ``val``: the preprocessed images that the examples of the task are numbers of, (n, h, w, channels)."""
        self._task = task
        self._train = replace(task.train, pixels=KeptPixels(train, "memory"))
        self._val = replace(task.val, pixels=KeptPixels(val, "memory"))
        self._network: Network | None = None
        self._trial: Trial | None = None

    def serve(self, request: Request) -> Answer:
        """Do what is asked."""
        match request:
            case Prepare():
                self._prepare()
                return Ready()
            case Begin():
                return self._begin(request)
            case GoOn():
                return self._running().epoch() or Over()
            case End():
                return self._end(request.stopped)

    def _prepare(self) -> Network:
        """Build the network, once; its weights come with each trial."""
        if self._network is None:
            keras, task = backend.keras(), self._task
            keras.utils.set_random_seed(task.plan.seed)
            keras.config.set_dtype_policy(task.precision)
            self._network = open_network(task.choice, task.goal, NONE, task.plan.dropout)
        return self._network

    def _begin(self, asked: Begin) -> TrialEpoch | Over:
        network, task = self._prepare(), self._task
        network.assign(task.start)
        budget = None if asked.left_s is None else TimeBudget.with_left(asked.left_s, time.monotonic)
        self._trial = open_trial(
            asked.number,
            asked.candidate,
            task.plan,
            network,
            self._train,
            self._val,
            deepcopy(task.state),
            task.length,
            TrainingObserver(),
            budget,
        )
        return self._trial.epoch() or Over()

    def _end(self, stopped: bool) -> Ended:
        trial = self._running()
        self._trial = None
        return Ended(trial.end(stopped), trial.phase.state)

    def _running(self) -> Trial:
        if self._trial is None:
            raise RuntimeError("no trial runs here")
        return self._trial
