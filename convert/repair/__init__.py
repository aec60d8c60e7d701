"""Int8 repair: makes a quantized model answer more like the float model it was made from."""

from .ranges import AUTO, METHODS, MINMAX
from .records import Distance, LayerError, RepairResult, Step
from .steps import repair

RANGE_METHODS = (AUTO, MINMAX, *METHODS)
"""What ``repair`` takes as its ``range_method``."""

__all__ = ["MINMAX", "RANGE_METHODS", "Distance", "LayerError", "RepairResult", "Step", "repair"]
