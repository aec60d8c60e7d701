"""The teacher of a distillation: EfficientNet-Lite0 with installed weights, or a network that ``edgevision train`` made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.datasets.training_images import TrainingImages, training_images
from edgevision.errors import BadInput, BadModel
from edgevision.files import strict_json
from edgevision.preprocessing.spec import Resize

from ...keras_files import weight_arrays
from ...keras_files.scan import scan
from ..config.settings import TrainSettings
from ..fit.plan import FAST
from ..network import pip_weights
from ..network.backbones import BACKBONES, BackboneSpec
from ..network.initial_weights import IMAGENET, NONE
from ..network.network import Network, open_network

if TYPE_CHECKING:
    import numpy.typing as npt

    Arrays = dict[str, list[npt.NDArray[Any]]]
    Images = list[tuple[str, str]]
    """Path and sha256 of each image."""

AUTO = "auto"
NAMED = "efficientnet_lite0"
"""Backbone that teaches by its name, with the installed ImageNet weights."""
MIN_RATIO = 2.0
"""How many times the parameters of the student it must have."""
DROPOUT = 0.2
MAX_SIDE, MAX_ALPHA, MAX_BLOCKS, MAX_UNITS = 1024, 2.0, 16, 8192
"""Limits of what a teacher's card may name, those of the options for networks."""


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """A network whose answers the student learns."""

    network: Network
    trained: bool
    """False if its last layer still has to learn the classes."""
    resize: Resize
    """How its images become square."""
    seen: TrainingImages
    """Images that it was trained on."""
    name: str
    """Readable name."""


def open_teacher(settings: TrainSettings, student: Network) -> Teacher | None:
    """Return the teacher for some settings, or None to train without one. Raises BadInput, BadModel, MissingFile."""
    resize = settings.resize_or("crop")
    if settings.teacher == NONE:
        return None
    if head_only(settings):
        raise BadInput(
            f"--teacher {settings.teacher} teaches the whole network, but only its last layer learns; leave out --teacher, or "
            "--quality fast, --epochs 0 and --fine-tune-blocks 0"
        )
    if settings.teacher != NAMED:
        return _restored(Path(settings.teacher), student, resize)
    path, problem = pip_weights.find(NAMED)
    if path is None:
        raise BadInput(f"--teacher {NAMED}: {problem}; or leave out --teacher")
    row = BACKBONES[NAMED]
    side = max(row.image_size, -(-student.choice.image_size // row.size_step) * row.size_step)
    network = open_network(BackboneSpec(NAMED, side), student.goal, IMAGENET, DROPOUT)
    sizes = network.backbone.count_params(), student.backbone.count_params()
    if sizes[0] < MIN_RATIO * sizes[1]:
        raise BadInput(
            f"--teacher {NAMED} has {sizes[0]:,} parameters and teaches networks of up to half as many, but "
            f"{student.choice.describe()} has {sizes[1]:,}; leave out --teacher"
        )
    name = f"{network.choice.describe()}, {network.origin.describe()}"
    return Teacher(network, False, resize, TrainingImages(), name)


def head_only(settings: TrainSettings) -> bool:
    """Return whether the settings train only the last layer."""
    return settings.quality == FAST or settings.epochs == 0 or settings.fine_tune_blocks == 0


def _restored(path: Path, student: Network, resize: Resize) -> Teacher:
    """Return the network of a model.keras; only its weights and its card are used. Raises BadInput, BadModel, MissingFile."""
    card, goal = scan(path).card, student.goal
    made = card.training.get("backbone") if card is not None and card.training is not None else None
    if card is None or not isinstance(made, dict) or made.get("name") not in BACKBONES:
        raise BadInput(f"the teacher {path} was not made by edgevision train; give its model.keras, {NAMED} or none")
    if card.labels != goal.classes or card.activation != goal.activation:
        raise BadInput(
            f"the teacher {path} has the classes {', '.join(card.labels)}, but the photos have {', '.join(goal.classes)}; "
            "give a teacher of the same classes"
        )
    if card.preprocessing.channels < student.choice.channels:
        raise BadInput(f"the teacher {path} sees gray images; give --channels 1, or another teacher")
    if card.preprocessing.resize != resize:
        raise BadInput(f"the teacher {path} was trained with --resize {card.preprocessing.resize}; give the same here")
    spec = replace(_spec(made, path), channels=card.preprocessing.channels)
    network = open_network(spec, goal, NONE, DROPOUT)
    _load(network.deployed, weight_arrays.read(path), path)
    return Teacher(network, True, resize, training_images(card), f"{path.name}, {network.choice.describe()}")


def _spec(made: dict[str, Any], path: Path) -> BackboneSpec:
    """Return the network that the record of a backbone in a card describes. Raises BadModel."""
    plain = BackboneSpec(str(made["name"]), 1)
    try:
        filters = strict_json.items(made.get("cnn_filters", list(plain.cnn_filters)), "cnn_filters", MAX_BLOCKS)
        return BackboneSpec(
            plain.backbone,
            strict_json.whole(made["image_size"], "image_size", 1, MAX_SIDE),
            strict_json.real(made["alpha"], "alpha", 0.0, MAX_ALPHA),
            made.get("minimalistic", True) is not False,
            tuple(strict_json.whole(one, "cnn_filters", 1, MAX_UNITS) for one in filters),
            strict_json.whole(made.get("cnn_dense", plain.cnn_dense), "cnn_dense", 1, MAX_UNITS),
        )
    except (KeyError, ValueError) as error:
        raise BadModel(f"the card of the teacher {path} is damaged ({error}); train it again") from None


def _load(model: Any, arrays: Arrays, path: Path) -> None:
    for layer in model.layers:
        if layer.weights:
            try:
                layer.set_weights(arrays[layer.name])
            except (KeyError, ValueError):
                raise BadModel(
                    f"the teacher {path} has other layers than its card says; give another teacher, or --teacher none"
                ) from None


def require_unseen(teacher: Teacher, val: Images, test: Images) -> None:
    """Check that a teacher has not learned from validation images or chosen by test images. Raises BadInput."""
    learned = sum(teacher.seen.part(*image) == "train" for image in val)
    seen = learned + sum(teacher.seen.part(*image) is not None for image in test)
    if seen:
        raise BadInput(
            f"the teacher {teacher.name} was trained on {seen} of the {len(val) + len(test)} validation and test images, so "
            "its answers would give them away; train it on the same photos with the same --seed"
        )
