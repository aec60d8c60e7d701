"""The self-test of a model file, as checks like the others."""

from __future__ import annotations

from pathlib import Path

from edgevision.errors import BadInput, EdgeVisionError
from edgevision.model import open_model
from edgevision.selftest import check

from .check import Check, Section


def section(model: Path, engine: str) -> Section:
    """Opens the model and runs it on the pictures it carries. Raises BadInput for a file that is at fault itself."""
    try:
        with open_model(model, engine=engine) as opened:
            report = check(opened)
            choice = opened.choice
    except BadInput:
        raise
    except EdgeVisionError as error:
        return Section("Model", (Check("engine", False, str(error), expected=f"{engine} runs {model}"),))
    used = choice.used if choice else engine
    reason = f" ({choice.fallback_reason})" if choice and choice.fallback_reason else ""
    fix = None if report.ok else "convert the model again; if it fails here alone, say so with this report"
    return Section(
        "Model",
        (
            Check("engine", True, f"{used}{reason}"),
            Check("self-test", report.ok, report.describe(), expected="as converted", fix=fix),
        ),
    )
