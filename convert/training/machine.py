"""Setup of TensorFlow for a training on this machine: seed, precision, GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgevision.log import Log

from .. import backend
from .config.settings import TrainSettings

log = Log("edgevision.train")


@contextmanager
def machine(settings: TrainSettings, *, own_steps: bool = False) -> Iterator[int]:
    """Set up TensorFlow for this machine and yield the number of GPUs.

    ``own_steps``: the training does not use ``fit`` of Keras, so it runs in float32 and on one device.
    """
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
