"""The public functions that check the labels and images of a folder, as ``edgevision label --check`` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .guesses import Guesser
from .mistakes import require_library
from .opening import open_folder

if TYPE_CHECKING:
    from edgevision.model import Model

    from .check import LabelCheck


def check_labels(folder: str | Path, model: Model) -> LabelCheck:
    """Rank the labels of a folder that are probably wrong.

    Every labeled image is scored by a classifier that was fitted on the model's feature vectors without it and without
    its copies. No image is moved; the answers that a person gave with ``edgevision label`` are taken into account, and no
    other program can label the folder meanwhile.

    Args:
        folder: Class folders, such as ``train`` reads.
        model: An open model with feature vectors, made by ``edgevision convert --with-embedding``.

    Returns:
        The mistakes, the worst first, and what they were found with.

    Raises:
        MissingFile: The folder does not exist.
        BadInput: It has boxes, or fewer than two classes of five different images.
        BadModel: The model has no feature vectors.
        CannotWrite: Another program labels the folder, or the lock cannot be written there.
        MissingDependency: scikit-learn is not installed.
    """
    from .check import check_session

    require_library()
    guesser = Guesser(model, Path(folder))
    opened = open_folder(Path(folder), guesser)
    try:
        opened.session.similar.run()
        return check_session(opened.session, guesser.vector, model.card.name)
    finally:
        opened.close()


def near_duplicates(folder: str | Path) -> tuple[tuple[str, ...], ...]:
    """List the images of a folder that are equal or look alike: saved again, scaled, mirrored, or of one scene.

    Images without a label are looked at, too. Of images with boxes, only equal files are listed.

    Args:
        folder: Class folders, images with boxes, or loose images. Nothing is changed in it but its lock.

    Returns:
        Groups of paths below the folder, sorted.

    Raises:
        MissingFile: The folder does not exist.
        BadInput: It has no images, or none that can be read.
        CannotWrite: Another program labels the folder, or the lock cannot be written there.
    """
    opened = open_folder(Path(folder))
    try:
        groups: dict[str, list[str]] = {}
        for path, group in opened.session.similar.find().items():
            groups.setdefault(group, []).append(path)
    finally:
        opened.close()
    return tuple(sorted(tuple(sorted(paths)) for paths in groups.values()))
