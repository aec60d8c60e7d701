"""edgevision: from photos or a Keras model to a camera loop on a small board.

The public API is small: ``open_model(path)`` returns a model, and its ``predict(rgb_array)`` returns a prediction.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import Model as Model
    from .model import open_model as open_model

__version__ = "0.1.0"
__all__ = ["Model", "__version__", "open_model"]


def __getattr__(name: str) -> Any:
    # Imported on first use, so that `import edgevision` and `edgevision --help` load neither numpy nor a runtime.
    if name in ("Model", "open_model"):
        return getattr(import_module("edgevision.model"), name)
    raise AttributeError(f"module 'edgevision' has no attribute {name!r}")
