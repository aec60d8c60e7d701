"""TensorFlow and Keras, loaded once and quietly; the only place that imports them."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

NOISE = ("WARNING:", "INFO:", "I0000", "W0000", "E0000", "fully_quantize:", "To enable the following")
"""Beginnings of native lines that say nothing about the user's model."""


class NativeLog:
    """What native code wrote to the process's error stream."""

    def __init__(self) -> None:
        self.text = ""

    def reason(self) -> str:
        """The last line that says something, or nothing."""
        lines = [line.strip() for line in self.text.splitlines()]
        telling = [line for line in lines if line and not line.startswith(NOISE)]
        return telling[-1][:300] if telling else ""


def tensorflow() -> Any:
    """The tensorflow module. Raises ModuleNotFoundError, which the command line answers with what to install."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if "tensorflow" in sys.modules:
        return sys.modules["tensorflow"]
    with quiet():
        # Keras imports the backend named above; the two share every variable from here on.
        import keras  # noqa: F401
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        with contextlib.suppress(ImportError):
            from absl import logging

            logging.set_verbosity(logging.ERROR)
        return tf


def keras() -> Any:
    """The keras module, on TensorFlow."""
    tensorflow()
    import keras as module

    return module


def tf_keras() -> Any:
    """Keras 2 as it lives on, in the same process as Keras 3. Raises ModuleNotFoundError."""
    tensorflow()
    with quiet():
        import tf_keras as module

    return module


@contextlib.contextmanager
def quiet() -> Iterator[NativeLog]:
    """Keeps what native code and Python warnings write to stderr out of the terminal; it can be read afterwards."""
    log = NativeLog()
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no stderr at all: nothing to keep quiet
        yield log
        return
    with tempfile.TemporaryFile() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(file.fileno(), 2)
        try:
            yield log
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            file.seek(0)
            log.text = file.read().decode("utf-8", "replace")
