"""A model that the loop and the page use in turn."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from edgevision.errors import one_line

from ..stream.protocols import Predictor

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from edgevision.engines.protocol import Engine, EngineChoice
    from edgevision.model import Model
    from edgevision.model_file.card import ModelCard
    from edgevision.types import Frame, Prediction, Tensor


class SharedModel(Predictor):
    """Serializes predictions. The loop waits for at most one prediction of the page."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.self_test: dict[str, Any] | None = None
        """``cases`` (number), ``passed`` and ``detail`` of the model's self-test; None: not run."""
        self._lock = Lock()

    @property
    def path(self) -> Path:
        """The model file."""
        return self.model.path

    @property
    def sha256(self) -> str:
        """SHA-256 of the whole file."""
        return self.model.sha256

    @property
    def card(self) -> ModelCard:
        """The model card."""
        return self.model.card

    @property
    def engine(self) -> Engine:
        """The engine that runs the model."""
        return self.model.engine

    @property
    def choice(self) -> EngineChoice | None:
        """The requested engine and the one in use."""
        return self.model.choice

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        """Return at most ``top`` labels with scores of at least ``threshold``. Raises EngineError, BadInput."""
        with self._lock:
            return self.model.predict(image, top, threshold)

    def prepare(self, frame: Frame) -> Tensor:
        """Return the input tensor for a frame. Raises BadInput."""
        with self._lock:
            return self.model.prepare(frame)

    def scores(self, frame: Frame) -> npt.NDArray[np.float32]:
        """Return a classifier's scores of all classes. Raises BadInput, EngineError."""
        with self._lock:
            return self.model.scores(frame)

    def run_self_test(self) -> None:
        """Run the self-test of the model, one image at a time between the frames of the loop."""
        from edgevision.selftest import check

        test = self.card.selftest
        if test is None or not test.cases:
            return
        try:
            report = check(cast("Model", self))
            passed, detail = report.ok, report.describe()
        except Exception as error:  # a thread of its own: there is nobody to raise it to
            passed, detail = False, one_line(str(error))
        self.self_test = {"cases": len(test.cases), "passed": passed, "detail": detail}

    def embed(self, image: Frame) -> npt.NDArray[np.float32]:
        """Return the feature vector of one image. Raises BadModel, BadInput, EngineError."""
        with self._lock:
            return self.model.embed(image)

    def load_taught(self, state: Path) -> tuple[str, ...]:
        """Apply the taught classes of the state folder from the next frame on; return their names. Raises BadInput."""
        from ..teach.apply import load_taught_classes

        with self._lock:
            return load_taught_classes(self.model, state)
