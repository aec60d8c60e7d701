"""Int8 repair: makes a quantized model answer more like the float model it was made from."""

from .records import LayerError, RepairResult, Step
from .steps import repair

__all__ = ["LayerError", "RepairResult", "Step", "repair"]
