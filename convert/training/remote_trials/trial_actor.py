"""The process of a Ray cluster that runs trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import backend
from .messages import Answer, Request
from .task import TrialTask
from .trial_runner import TrialRunner

if TYPE_CHECKING:
    from edgevision.types import Pixels


class TrialActor:
    """TrialRunner in a process of its own, with so many threads as Ray gave it cores."""

    def __init__(self, cpus: int, task: TrialTask, train: Pixels, val: Pixels) -> None:
        tf = backend.tensorflow()
        tf.config.threading.set_intra_op_parallelism_threads(cpus)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        self._runner = TrialRunner(task, train, val)

    def serve(self, request: Request) -> Answer:
        """See ``TrialRunner``."""
        return self._runner.serve(request)
