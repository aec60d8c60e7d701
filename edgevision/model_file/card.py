"""The model card, the entry ``edgevision.json`` in a model file: task, labels, preprocessing, records."""

from __future__ import annotations

import json
from dataclasses import asdict, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from ..errors import BadInput, BadModel
from ..files import strict_json
from ..preprocessing.spec import Preprocessing
from ..records import record
from ..types import Task

if TYPE_CHECKING:
    from .detector_selftest import DetectorSelfTest

SCHEMA = "edgevision.card/2"
READABLE = (SCHEMA, "edgevision.card/1")
"""Schemas that ``loads`` reads. Version 1 called ``preprocessing`` ``rule``."""
ENTRY = "edgevision.json"
"""Name of the model card in the model file's archive."""
LABELS = "labels.txt"
"""Name of the labels in the model file's archive, one label per line."""
Activation = str
"""Content of the last tensor: ``softmax``, ``sigmoid``, ``logits`` (before a softmax), ``sigmoid_logits``, ``none``."""
ACTIVATIONS = ("softmax", "sigmoid", "logits", "sigmoid_logits", "none")
MAX_LABELS = 100_000
MAX_TEXT = 1000
"""Largest length of a name or label (characters)."""
MAX_CASES = 1000
"""Largest number of images of a self-test, and of scores of one."""
MAX_OUTPUTS = 64
MAX_EMBEDDING = 16_384
"""Largest size of an embedding; a larger output is an unpooled feature map."""


class SelfTestCase(NamedTuple):
    """One generated image with its expected result."""

    picture: str
    """Name of a PNG entry in the model file."""
    tensor_sha256: str
    """SHA-256 of the prepared input tensor, which must be equal on every machine."""
    top: int
    """Index of the top class."""
    scores: tuple[float, ...]
    """The highest scores, 0..1, best first."""
    indices: tuple[int, ...]
    """The classes of these scores."""


class SelfTest(NamedTuple):
    """Expected results that show whether a machine computes what the converter measured."""

    cases: tuple[SelfTestCase, ...]
    tolerance: float
    """Largest allowed difference of a score, 0..1; above 0 because kernels differ between CPUs."""


@record
class EmbeddingOutput:
    """The extra output of a classifier that holds the feature vector before the last layer."""

    output: int
    """Number of the model output."""
    tensor: str
    """The converter's name for it."""
    size: int
    """Length of the vector."""

    def __post_init__(self) -> None:
        if not 0 < self.output < MAX_OUTPUTS or not 0 < self.size <= MAX_EMBEDDING:
            raise ValueError(f"output {self.output} with {self.size} values cannot be an embedding beside the scores")


@record
class DetectorOutput:
    """How the raw outputs of a detector are read."""

    layout: str | None = None
    """Name of the layout (``edgevision/output_layouts/registry.py``); None to recognize it from the outputs."""
    iou: float | None = None
    """Overlap, as intersection over union, above which only the better of two boxes of a class is kept, above 0, at most
    1; None for the default."""

    def __post_init__(self) -> None:
        if self.iou is not None and not 0.0 < self.iou <= 1.0:
            raise ValueError(f"detector.iou must be above 0 and at most 1, got {self.iou}")


@record
class MeasureReference:
    """One measure of the calibration images, for noticing drift (``edgevision/postprocessing/drift_vector.py``)."""

    spread: float
    """Root mean square distance of the vectors of two images."""
    mean: tuple[float, ...]
    """Mean of their vectors."""


@record
class DriftReference:
    """What the model answers for its calibration images, for noticing that a camera sees something else."""

    images: int
    """Number of images."""
    measures: dict[str, MeasureReference]
    """Measure (scores, features) -> its reference."""


@record
class AnomalyReference:
    """What good images are for a model that finds anomalies."""

    patches: int
    """Number of patches in the core set."""
    limit: float
    """Distance to the nearest of them at which the score is 0.5, above 0."""
    held_out: int
    """Number of good images, not in the core set, that set the limit."""
    false_alarm_rate: float
    """Share of good images, 0..1, that may exceed the limit at most, on average."""

    def __post_init__(self) -> None:
        if self.patches < 1 or not self.limit > 0:
            raise ValueError(f"anomaly: expected patches and a limit above 0, got {self.patches} and {self.limit:g}")


@record
class ModelCard:
    """Description of a model, stored in its file. Training and conversion records are JSON objects without host paths."""

    name: str
    """Name of the model, for display."""
    task: Task
    """Task of the model."""
    preprocessing: Preprocessing
    """How an image becomes the model's input."""
    labels: tuple[str, ...] = ()
    """Class names, in the order of the class indices."""
    activation: Activation = "softmax"
    """Content of the last tensor: softmax, sigmoid, logits, sigmoid_logits or none."""
    threshold: float | None = None
    """Lowest score that is not "unknown", 0..1; None if none was measured."""
    flatbuffer_sha256: str | None = None
    """SHA-256 of the bytes before the appended archive."""
    source_sha256: str | None = None
    """SHA-256 of the model that this one was made from."""
    selftest: SelfTest | DetectorSelfTest | None = None
    """Generated images with expected results; None if there are none."""
    embedding: EmbeddingOutput | None = None
    """The extra embedding output; None if there is none, and for the task embedding, whose only output is the vector."""
    detector: DetectorOutput | None = None
    """How a detector's raw outputs are read; None to recognize it from the outputs."""
    anomaly: AnomalyReference | None = None
    """What good images are; only for the task anomaly."""
    drift: DriftReference | None = None
    """What the model answers for its calibration images; None if it was not recorded."""
    training: dict[str, Any] | None = None
    """Record of the training, as JSON values; None if unknown."""
    quantization: dict[str, Any] | None = None
    """Record of the conversion, as JSON values; None if unknown."""
    versions: dict[str, str] = field(default_factory=dict)
    """Library -> version that made the file."""
    created: str | None = None
    """Creation time, RFC 3339, UTC."""
    maker: str | None = None
    """What made the original file, as far as it was recognized (``edgevision/model_file/makers/registry.py``)."""

    def __post_init__(self) -> None:
        if self.task not in get_args(Task):
            raise BadModel(f"the card has an unknown task: {self.task!r}")
        if self.activation not in ACTIVATIONS:
            raise BadModel(f"the card has an unknown activation: {self.activation!r}")
        if len(self.labels) > MAX_LABELS:
            raise BadModel(f"the card has {len(self.labels)} labels; at most {MAX_LABELS} are allowed")

    def with_(self, **changes: Any) -> ModelCard:
        """Return a copy with some fields replaced."""
        return replace(self, **changes)

    def label(self, index: int) -> str:
        """Return the name of a class, or its index as text if the card has no name for it."""
        return self.labels[index] if 0 <= index < len(self.labels) else str(index)

    def to_json(self) -> dict[str, Any]:
        """Return the card as JSON values, ``schema`` first."""
        test = self.selftest
        return {
            "schema": SCHEMA,
            "name": self.name,
            "task": self.task,
            "preprocessing": self.preprocessing.to_json(),
            "labels": list(self.labels),
            "activation": self.activation,
            "threshold": self.threshold,
            "flatbuffer_sha256": self.flatbuffer_sha256,
            "source_sha256": self.source_sha256,
            "selftest": _test(test) if isinstance(test, SelfTest) else None,
            "detector_selftest": None if test is None or isinstance(test, SelfTest) else test.to_json(),
            "embedding": None if self.embedding is None else asdict(self.embedding),
            "detector": None if self.detector is None else asdict(self.detector),
            "anomaly": None if self.anomaly is None else asdict(self.anomaly),
            "drift": None if self.drift is None else asdict(self.drift),
            "training": self.training,
            "quantization": self.quantization,
            "versions": self.versions,
            "created": self.created,
            "maker": self.maker,
        }

    def dumps(self) -> str:
        """Return the card as JSON text."""
        return json.dumps(self.to_json(), ensure_ascii=False, allow_nan=False, indent=1)

    @classmethod
    def loads(cls, text: str | bytes) -> ModelCard:
        """Parse what ``dumps`` wrote; unknown keys are ignored. Raises BadModel."""
        try:
            value = strict_json.loads(text, "the card")
        except BadInput as error:
            raise BadModel(str(error)) from None
        if not isinstance(value, dict):
            raise BadModel("the card is not a JSON object")
        schema = str(value.get("schema"))
        if schema not in READABLE:
            raise BadModel(
                f"the card has schema {schema!r}, but this version reads {SCHEMA!r} and older; update edgevision"
            )
        try:
            return _from_json(value)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise BadModel(f"the card is damaged: {said}") from None


def _test(test: SelfTest) -> dict[str, Any]:
    return {"tolerance": test.tolerance, "cases": [_case(case) for case in test.cases]}


def _case(case: SelfTestCase) -> dict[str, Any]:
    return {
        "picture": case.picture,
        "tensor_sha256": case.tensor_sha256,
        "top": case.top,
        "scores": list(case.scores),
        "indices": list(case.indices),
    }


def _from_json(value: dict[str, Any]) -> ModelCard:
    old = "rule" in value and "preprocessing" not in value  # cards of schema 1
    labels = strict_json.items(value.get("labels") or [], "labels", MAX_LABELS)
    return ModelCard(
        name=_text(value["name"], "name"),
        task=value["task"],
        preprocessing=Preprocessing.from_json(value["rule" if old else "preprocessing"]),
        labels=tuple(_text(label, f"label {n}") for n, label in enumerate(labels)),
        activation=_text(value.get("activation", "softmax"), "activation"),
        threshold=None if value.get("threshold") is None else strict_json.real(value["threshold"], "threshold", 0, 1),
        flatbuffer_sha256=_optional(value, "flatbuffer_sha256"),
        source_sha256=_optional(value, "source_sha256"),
        selftest=_selftest(value.get("selftest")) or _detector_selftest(value.get("detector_selftest")),
        embedding=_embedding(value.get("embedding")),
        detector=_detector(value.get("detector")),
        anomaly=_anomaly(value.get("anomaly")),
        drift=_drift(value.get("drift")),
        training=_record(value, "training"),
        quantization=_record(value, "quantization"),
        versions={str(k): str(v) for k, v in (_record(value, "versions") or {}).items()},
        created=_optional(value, "created"),
        maker=_optional(value, "maker"),
    )


def _selftest(value: object) -> SelfTest | None:
    if value is None:
        return None
    found = strict_json.fields(value, "selftest")
    cases = strict_json.items(found["cases"], "selftest.cases", MAX_CASES)
    return SelfTest(
        cases=tuple(_read_case(strict_json.fields(case, "selftest.cases")) for case in cases),
        tolerance=strict_json.real(found["tolerance"], "selftest.tolerance", 0, 1),
    )


def _detector_selftest(value: object) -> DetectorSelfTest | None:
    if value is None:
        return None
    from .detector_selftest import from_json  # imported only here, because a classifier does without

    return from_json(value)


def _read_case(case: dict[str, Any]) -> SelfTestCase:
    scores = strict_json.items(case["scores"], "selftest.scores", MAX_CASES)
    indices = strict_json.items(case["indices"], "selftest.indices", MAX_CASES)
    if len(scores) != len(indices):
        raise ValueError(f"selftest: expected as many scores as indices, got {len(scores)} and {len(indices)}")
    return SelfTestCase(
        picture=_text(case["picture"], "selftest.picture"),
        tensor_sha256=_text(case["tensor_sha256"], "selftest.tensor_sha256"),
        top=strict_json.whole(case["top"], "selftest.top", 0, MAX_LABELS),
        scores=tuple(strict_json.real(score, "selftest.scores", -1e9, 1e9) for score in scores),
        indices=tuple(strict_json.whole(index, "selftest.indices", 0, MAX_LABELS) for index in indices),
    )


def _embedding(value: object) -> EmbeddingOutput | None:
    if value is None:
        return None
    found = strict_json.fields(value, "embedding")
    return EmbeddingOutput(
        strict_json.whole(found["output"], "embedding.output", 1, MAX_OUTPUTS - 1),
        _text(found["tensor"], "embedding.tensor"),
        strict_json.whole(found["size"], "embedding.size", 1, MAX_EMBEDDING),
    )


def _anomaly(value: object) -> AnomalyReference | None:
    if value is None:
        return None
    found = strict_json.fields(value, "anomaly")
    return AnomalyReference(
        strict_json.whole(found["patches"], "anomaly.patches", 1, MAX_LABELS),
        strict_json.real(found["limit"], "anomaly.limit", 0, 1e9),
        strict_json.whole(found["held_out"], "anomaly.held_out", 0, 10**9),
        strict_json.real(found["false_alarm_rate"], "anomaly.false_alarm_rate", 0, 1),
    )


def _drift(value: object) -> DriftReference | None:
    if value is None:
        return None
    found = strict_json.fields(value, "drift")
    measures = strict_json.fields(found["measures"], "drift.measures")
    if len(measures) > MAX_OUTPUTS:
        raise ValueError(f"drift.measures: expected at most {MAX_OUTPUTS}, got {len(measures)}")
    return DriftReference(
        strict_json.whole(found["images"], "drift.images", 0, 10**9),
        {_text(name, "drift.measures"): _measure(one) for name, one in measures.items()},
    )


def _measure(value: object) -> MeasureReference:
    found = strict_json.fields(value, "drift.measures")
    mean = strict_json.items(found["mean"], "drift.measures.mean", MAX_OUTPUTS)
    return MeasureReference(
        strict_json.real(found["spread"], "drift.measures.spread", 0, 1e9),
        tuple(strict_json.real(one, "drift.measures.mean", -1e9, 1e9) for one in mean),
    )


def _detector(value: object) -> DetectorOutput | None:
    if value is None:
        return None
    found = strict_json.fields(value, "detector")
    iou = found.get("iou")
    return DetectorOutput(
        _optional(found, "layout"), None if iou is None else strict_json.real(iou, "detector.iou", 0, 1)
    )


def _text(value: object, name: str) -> str:
    return strict_json.text(value, name, MAX_TEXT)


def _optional(value: dict[str, Any], name: str) -> str | None:
    return None if value.get(name) is None else _text(value[name], name)


def _record(value: dict[str, Any], name: str) -> dict[str, Any] | None:
    return None if value.get(name) is None else strict_json.fields(value[name], name)
