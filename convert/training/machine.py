"""Setup of TensorFlow for a training on this machine: seed, precision, GPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from edgevision.errors import BadInput
from edgevision.files import strict_json
from edgevision.log import Log

from .. import backend
from .config.settings import TrainSettings

log = Log("edgevision.train")
MAX_TASKS = 100_000
"""Largest number of tasks of a kind in TF_CONFIG."""


@contextmanager
def machine(settings: TrainSettings, *, own_steps: bool = False) -> Iterator[int]:
    """Set up TensorFlow for this machine and yield the number of GPUs. Raises BadInput for a cluster.

    ``own_steps``: the training does not use ``fit`` of Keras, so it runs in float32 and on one device.
    """
    if _machines() > 1:
        raise BadInput(
            "TF_CONFIG names several machines, but training on several machines is not supported: fit of Keras 3 fails "
            "under MultiWorkerMirroredStrategy (keras#20585); unset TF_CONFIG to use all GPUs of this machine"
        )
    tf, keras = backend.tensorflow(), backend.keras()
    gpus = len(tf.config.list_physical_devices("GPU"))
    log.info("TensorFlow %s, %d GPUs, seed %d", tf.__version__, gpus, settings.seed)
    before = keras.config.dtype_policy()
    keras.utils.clear_session()
    keras.utils.set_random_seed(settings.seed)
    mixed = settings.precision == "mixed" or (settings.precision == "auto" and gpus > 0)
    keras.config.set_dtype_policy("mixed_float16" if mixed and not own_steps else "float32")
    several = gpus > 1 and not own_steps
    strategy = tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()
    try:
        with strategy.scope():
            yield gpus
    finally:
        keras.config.set_dtype_policy(before)


def _machines() -> int:
    """Return the number of machines that TF_CONFIG names. Raises BadInput."""
    try:
        value = strict_json.loads(os.environ.get("TF_CONFIG") or "{}", "the environment variable TF_CONFIG")
        cluster = strict_json.fields(strict_json.fields(value, "TF_CONFIG").get("cluster", {}), "cluster")
        return sum(len(strict_json.items(tasks, "cluster", MAX_TASKS)) for tasks in cluster.values())
    except BadInput:
        raise
    except ValueError as error:
        raise BadInput(f"the environment variable TF_CONFIG is invalid ({error}); unset it") from None
