"""Settings and photos of a training that continues from an earlier model."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from edgevision.datasets.dataset import BACKGROUND, Dataset, open_dataset
from edgevision.datasets.merged import merge
from edgevision.errors import BadInput, EdgeVisionError
from edgevision.log import Log

from ..config import config_file
from ..config.settings import TrainSettings
from ..network.initial_weights import AUTO, NONE
from .earlier_model import EarlierModel

log = Log("edgevision.train")


def continued_settings(settings: TrainSettings, earlier: EarlierModel, photos: Path) -> TrainSettings:
    """Return the settings with the network, the preprocessing, the weights and the photos of the earlier model.

    Raises BadInput for a setting that contradicts it.
    """
    network = earlier.network
    fixed: dict[str, Any] = {
        "backbone": network.backbone,
        "alpha": network.alpha,
        "image_size": network.image_size,
        "channels": network.channels,
        "minimalistic": network.minimalistic,
        "cnn_filters": network.cnn_filters,
        "cnn_dense": network.cnn_dense,
        "resize": earlier.card.preprocessing.resize,
    }
    if earlier.arrays:
        fixed["weights"] = str(earlier.path.absolute())
    _refuse_contradictions(settings, fixed, earlier)
    if not earlier.arrays and settings.weights == NONE:
        raise BadInput(
            f"{earlier.path} cannot be trained further (its weights are int8), and --weights none starts from nothing; "
            "give the run folder of its training, or other weights"
        )
    return replace(settings, **fixed, old_photos=_old_photos(settings, earlier, photos))


def open_all_photos(photos: Path, settings: TrainSettings, earlier: EarlierModel) -> Dataset:
    """Open the earlier and the new photos as one set; the classes of the model come first, in its order.

    Raises MissingFile, BadInput.
    """
    label_map = Path(settings.label_map) if settings.label_map else None
    old = [open_dataset(Path(path), label_map) for path in settings.old_photos or ()]
    dataset = merge([*old, open_dataset(photos, label_map)] if _is_new(photos, settings) else old, earlier.labels)
    if dataset.multilabel != (earlier.card.task == "multilabel"):
        kinds = ("one label per image", "several labels per image")
        raise BadInput(
            f"the photos have {kinds[dataset.multilabel]}, but {earlier.path} predicts {kinds[not dataset.multilabel]}; "
            "train without --from"
        )
    if dataset.multilabel:
        dataset = replace(dataset, classes=tuple(name for name in dataset.classes if name != BACKGROUND))
    dataset.require_trainable()
    return dataset


def require_earlier_photos(dataset: Dataset, photos: Path, earlier: EarlierModel) -> None:
    """Raise BadInput if no image is one of those that the earlier model lists; without them it would forget its classes."""
    images = earlier.known.images
    if not images.digests:
        log.info("%s does not list its images; whether they are here is not known", earlier.path)
        return
    for item in dataset.items:
        with suppress(EdgeVisionError):  # the data check names damaged ones
            if images.part_by_content(sha256(item.data()).hexdigest()) is not None:
                return
    raise BadInput(
        f"none of the {len(images.digests)} photos that {earlier.given} was trained on is in {photos}, and without them its "
        "classes would be forgotten; name their folders with --old-photos, or train without --from"
    )


def new_labels(dataset: Dataset, earlier: EarlierModel) -> tuple[str, ...]:
    """Return the classes that the earlier model does not have."""
    return dataset.classes[len(earlier.labels) :]


def _is_new(photos: Path, settings: TrainSettings) -> bool:
    """Return whether the photos are not one of the earlier sets, grown since."""
    return photos.resolve() not in {Path(path).resolve() for path in settings.old_photos or ()}


def _refuse_contradictions(settings: TrainSettings, fixed: dict[str, Any], earlier: EarlierModel) -> None:
    defaults = {one.name: one.default for one in fields(TrainSettings)}
    for name, value in fixed.items():
        given = getattr(settings, name)
        if given not in (defaults[name], value) and not (name == "weights" and given == AUTO):
            option = f"--{name.replace('_', '-')}"
            raise BadInput(
                f"--from keeps the network of {earlier.given} ({option} {value}), got {given}; omit {option}"
            )


def _old_photos(settings: TrainSettings, earlier: EarlierModel, photos: Path) -> tuple[str, ...] | None:
    """Return the absolute paths of the earlier photos, the oldest first. Raises BadInput if they are gone."""
    given = settings.old_photos
    paths = list(given) if given is not None else _recorded_photos(earlier)
    gone = next((path for path in paths if not Path(path).exists()), None)
    if gone is not None:
        raise BadInput(
            f"the photos of {earlier.given} are not in {gone} any more; give where they are now with --old-photos"
            if given is None
            else f"earlier photos not found: {gone}; give the folders of the earlier trainings with --old-photos"
        )
    if not paths:
        log.info("%s does not record its photos; all photos are in %s", earlier.given, photos)
    return tuple(str(Path(path).absolute()) for path in paths) or None


def _recorded_photos(earlier: EarlierModel) -> list[str]:
    if earlier.config is None:
        return []
    values, photos = config_file.read(earlier.config)
    return [*(values.get("old_photos") or ()), *([photos] if photos else [])]
