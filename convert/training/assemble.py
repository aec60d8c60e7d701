"""Assembly of the machines of a training: what several cannot do is refused, then they meet and connect."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np

import edgevision
from edgevision.datasets.dataset import Dataset
from edgevision.errors import BadInput
from edgevision.input_file import read_file
from edgevision.settings import to_file

from .. import backend
from .cluster.meeting import meet
from .cluster.team import ALONE, Team
from .cluster.tf_config import named_cluster, require_one_machine
from .config.settings import SETTINGS, TrainSettings
from .fit.plan import BEST
from .input.splits import DatasetSplits
from .linear_probe.choose_method import LINEAR
from .network.backbones import CNN
from .network.initial_weights import NAMES, NONE

OWN = ("cache", "cache_dir", "label_map", "h5", "tensorboard", "weights")
"""Settings that may differ between machines, or whose files are compared instead."""
MAX_WEIGHTS_BYTES = 2**31
DIGEST = 16
"""Hexadecimal digits of a sha256 that are shown and compared."""


def assemble(settings: TrainSettings, dataset: Dataset, note: Callable[[str], None]) -> Team:
    """Return this machine alone, or all that TF_CONFIG names once they are there and have the same settings and photos.

    Raises BadInput, RemoteUnreachable.
    """
    cluster = named_cluster()
    if cluster is None:
        return ALONE
    _require_supported(settings)
    meet(cluster, facts_of(settings, dataset), note)
    from .cluster.joint_team import JointTeam

    return JointTeam(cluster)


def facts_of(settings: TrainSettings, dataset: Dataset) -> dict[str, str]:
    """Return what has to be the same on all machines: name -> value."""
    tf, keras = backend.tensorflow(), backend.keras()
    facts = {
        "edgevision": edgevision.__version__,
        "TensorFlow": tf.__version__,
        "Keras": keras.__version__,
        "OpenCV": cv2.__version__,
        "a number of GPUs of": str(len(tf.config.list_physical_devices("GPU"))),
        "photos:": f"{len(dataset.items)} images with the sha256 {dataset.fingerprint[:DIGEST]}",
        "--weights": _weights(settings.weights),
    }
    given = {one.key: to_file(one, getattr(settings, name)) for name, one in SETTINGS.items() if name not in OWN}
    return facts | {f"--{key.replace('_', '-')}": str(value) for key, value in given.items()}


def require_same_split(team: Team, learning: DatasetSplits) -> None:
    """Check that all machines split the photos as the chief does. Raises BadInput on every machine."""
    if team.size == 1:
        return
    parts = (learning.train, learning.val, learning.test)
    text = "\n\n".join("\n".join(item.path for item in part) for part in parts)
    digest = sha256(text.encode("utf-8", "surrogateescape")).digest()
    differs = np.zeros(team.size)
    differs[team.rank] = team.share_bytes(digest) != digest
    others = [str(rank + 1) for rank in np.flatnonzero(team.total(differs))]
    if others:
        raise BadInput(
            f"machine {', '.join(others)} of {team.size} names or reads the photos differently than the chief; copy the "
            "chief's folder to all machines"
        )


def _require_supported(settings: TrainSettings) -> None:
    """Refuse settings that need one machine. Raises BadInput."""
    if settings.head_method == LINEAR:
        require_one_machine("a linear head on few photos")
    if settings.from_run is not None:
        require_one_machine("--from")
    if settings.teacher != NONE:
        require_one_machine("--teacher")
    if settings.quality == BEST:
        require_one_machine("--quality best")
    if settings.weights == NONE and settings.backbone != CNN:
        # Its batch norm would learn from each machine's share of a batch, unlike on one machine.
        require_one_machine(f"training {settings.backbone} from random weights")
    if settings.precision == "mixed":
        require_one_machine("--precision mixed")


def _weights(name: str) -> str:
    """Return the name of published weights, or the digest of a file. Raises MissingFile, BadInput."""
    if name in NAMES:
        return name
    data = read_file(Path(name), "weights file", MAX_WEIGHTS_BYTES)
    return f"a file with the sha256 {sha256(data).hexdigest()[:DIGEST]}"
