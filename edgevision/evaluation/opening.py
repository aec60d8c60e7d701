"""Opening of the models that an evaluation is about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..datasets.split import FILE as SPLIT_FILE
from ..errors import BadInput
from .options import KERAS_OPTIONS, EvaluateOptions
from .scorers import EvaluatedModel, Located, ModelFacts, facts, locate, open_evaluated


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """An open model, and what is known of it."""

    model: EvaluatedModel
    facts: ModelFacts
    split_file: Path | None
    """The split.csv of its training; None without one."""


@dataclass(frozen=True, slots=True)
class OpenedModels:
    """The models of a request."""

    first: OpenedModel
    other: OpenedModel | None
    """The model it is compared with."""

    @property
    def every(self) -> tuple[OpenedModel, ...]:
        """The models that were given."""
        return (self.first,) if self.other is None else (self.first, self.other)

    @property
    def task(self) -> str:
        """The task of the evaluated model."""
        return self.first.model.card.task

    @property
    def split_file(self) -> Path | None:
        """The split.csv of the training of either model."""
        return self.first.split_file or (self.other.split_file if self.other else None)

    def fallbacks(self) -> tuple[str, ...]:
        """Return why a model runs on a different engine than requested."""
        choices = [one.model.choice for one in self.every]
        return tuple(f"running on the CPU: {one.fallback_reason}" for one in choices if one and one.fallback_reason)


def open_models(
    request: EvaluateOptions, model: EvaluatedModel | None = None, compare: EvaluatedModel | None = None
) -> OpenedModels:
    """Open the models of a request. Raises every error that a wrong model or model option can cause.

    ``model``, ``compare``: models of the request that are open already.
    """
    located = locate(request.model)
    other = locate(request.compare) if request.compare else None
    found = OpenedModels(_open(located, request, model), _open(other, request, compare) if other else None)
    _refuse_needless_engine(request, found)
    _refuse_needless_normalization(request, found)
    return found


def split_record(given: Path | None) -> Path | None:
    """Return the given split.csv, or the one of the given run folder. Raises BadInput."""
    if given is None or not given.is_dir():
        return given
    if not (given / SPLIT_FILE).exists():
        raise BadInput(f"{given} has no {SPLIT_FILE}; give the run folder of a training or a CSV file")
    return given / SPLIT_FILE


def _open(located: Located, request: EvaluateOptions, opened: EvaluatedModel | None) -> OpenedModel:
    given = {name: getattr(request, name) for name in KERAS_OPTIONS if getattr(request, name) is not None}
    model = opened or open_evaluated(located.path, request.threads, request.engine, given)
    return OpenedModel(model, facts(located.path, model), split_record(request.split_file) or located.split)


def _refuse_needless_engine(request: EvaluateOptions, models: OpenedModels) -> None:
    """Raise BadInput if an accelerator was requested but no model is a .tflite that it could run."""
    if request.engine not in ("auto", "cpu") and not any(one.facts.kind == "tflite" for one in models.every):
        raise BadInput(f"--engine {request.engine} runs only .tflite models, got {request.model}; leave --engine out")


def _refuse_needless_normalization(request: EvaluateOptions, models: OpenedModels) -> None:
    """Raise BadInput if a normalization was given but no model is a Keras model: a .tflite has its own."""
    given = [f"--{name.replace('_', '-')}" for name in KERAS_OPTIONS if getattr(request, name) is not None]
    if given and not any(one.facts.kind != "tflite" for one in models.every):
        raise BadInput(
            f"{' and '.join(given)}: only for Keras models, got {request.model}; a .tflite has its preprocessing in its card"
        )
