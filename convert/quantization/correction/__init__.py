"""Int8 repair: make a quantized model agree better with the float model it was made from."""

from .correct import JudgeMaker, repair
from .distance import ClassificationJudge
from .range_calibration import MINMAX
from .result import Distance, LayerError, RepairResult, Step

__all__ = [
    "MINMAX",
    "ClassificationJudge",
    "Distance",
    "JudgeMaker",
    "LayerError",
    "RepairResult",
    "Step",
    "repair",
]
