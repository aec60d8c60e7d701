"""Int8 repair: make a quantized model agree better with the float model it was made from."""

from .ranges import AUTO, METHODS, MINMAX
from .records import Distance, LayerError, RepairResult, Step
from .steps import repair

RANGE_METHODS = (AUTO, MINMAX, *METHODS)
"""Values that ``repair`` accepts as ``range_method``."""

__all__ = ["MINMAX", "RANGE_METHODS", "Distance", "LayerError", "RepairResult", "Step", "repair"]
