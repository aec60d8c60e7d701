"""Loader of TensorFlow and Keras: once, without their log output; the only module that imports them."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

NOISE = ("WARNING:", "INFO:", "I0000", "W0000", "E0000", "fully_quantize:", "To enable the following")
"""Prefixes of native log lines that are unrelated to the user's model."""


class NativeLog:
    """Output of native code on the process's stderr."""

    def __init__(self) -> None:
        self.text = ""

    def reason(self) -> str:
        """Return the last line that is not noise, or an empty string."""
        lines = [line.strip() for line in self.text.splitlines()]
        telling = [line for line in lines if line and not line.startswith(NOISE)]
        return telling[-1][:300] if telling else ""


def tensorflow() -> Any:
    """Return the tensorflow module.

    Raises ModuleNotFoundError; the command line then prints what to install.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if "tensorflow" in sys.modules:
        return sys.modules["tensorflow"]
    with quiet():
        # Keras imports the back end named above; from here on both share every variable.
        import keras  # noqa: F401
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        with contextlib.suppress(ImportError):
            from absl import logging

            logging.set_verbosity(logging.ERROR)
        return tf


def keras() -> Any:
    """Return the keras module with the TensorFlow back end."""
    tensorflow()
    import keras as module

    return module


def tf_keras() -> Any:
    """Return tf_keras, the maintained Keras 2, in the same process as Keras 3. Raises ModuleNotFoundError."""
    tensorflow()
    with quiet():
        import tf_keras as module

    return module


@contextlib.contextmanager
def quiet() -> Iterator[NativeLog]:
    """Capture stderr output of native code and Python warnings; the text can be read afterwards."""
    log = NativeLog()
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # stderr is closed: nothing to capture
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
