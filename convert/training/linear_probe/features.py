"""Feature vectors of the photos of a training, from the frozen network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgevision.datasets.dataset import Item
from edgevision.errors import BadInput
from edgevision.evaluation.reading import read_ahead
from edgevision.preprocessing import transform
from edgevision.preprocessing.spec import Preprocessing

from ... import backend
from ..input.batches import Examples, pictures
from ..input.image_cache import KeptPixels
from ..input.splits import DatasetSplits, Sets
from ..network.network import Network, for_inference
from .cross_validation import Probe

if TYPE_CHECKING:
    import numpy.typing as npt

BATCH = 50


def probe_of(network: Network, learning: DatasetSplits, sets: Sets, progress: Callable[[int], None]) -> Probe:
    """Return the features of the training and validation photos, in this order, with the network's weights of now.

    ``progress`` is called with the number of photos done.
    """
    train = _features(network, sets.train, progress)
    val = _features(network, sets.val, lambda done: progress(len(train) + done))
    targets = np.concatenate([sets.train.targets, sets.val.targets])
    weights = np.concatenate([sets.train.weights, sets.val.weights])
    return Probe(network.goal, np.concatenate([train, val]), targets, weights, _groups(learning))


def features_of_items(
    network: Network, items: Sequence[Item], preprocessing: Preprocessing, progress: Callable[[int], None]
) -> npt.NDArray[np.float32]:
    """Return the features (m, features) of the images that can be read."""
    ready = [transform.pixels(one.frame, preprocessing) for one in read_ahead(items, [])]
    if not ready:
        raise BadInput(f"none of the {len(items)} negatives can be read, such as {items[0].path}; give other images")
    examples = Examples(
        KeptPixels(np.stack(ready), "memory"),
        preprocessing,
        np.arange(len(ready)),
        np.zeros((len(ready), 0), np.float32),
        np.ones(len(ready), np.float32),
    )
    return _features(network, examples, progress)


def _features(network: Network, examples: Examples, progress: Callable[[int], None]) -> npt.NDArray[np.float32]:
    """Return the input of the last layer, (n, features)."""
    keras, tf = backend.keras(), backend.tensorflow()
    run = for_inference(keras.Model(network.backbone.input, network.head[0](network.backbone.output)))
    found = [np.zeros((0, int(network.head[-1].kernel.shape[0])), np.float32)]
    for batch in pictures(examples, BATCH):
        found.append(run(tf.constant(batch)).numpy())
        progress(sum(map(len, found)))
    return np.concatenate(found)


def _groups(learning: DatasetSplits) -> npt.NDArray[np.intp]:
    """Return a number for each photo, equal for copies of each other."""
    group = {row.path: row.group for row in learning.split.rows}
    names = [group.get(item.path) or f"/{item.path}" for item in (*learning.train, *learning.val)]
    return np.unique(names, return_inverse=True)[1].astype(np.intp)
