"""Int8 repair: make a quantized model agree better with the float model it was made from."""

from .correct import repair
from .range_calibration import AUTO, METHODS, MINMAX
from .result import Distance, LayerError, RepairResult, Step

RANGE_METHODS = (AUTO, MINMAX, *METHODS)
"""Values that ``repair`` accepts as ``range_method``."""

__all__ = ["MINMAX", "RANGE_METHODS", "Distance", "LayerError", "RepairResult", "Step", "repair"]
