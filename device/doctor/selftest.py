"""A model file on this machine: which engine opens it, how long one picture takes, and the self-test it carries."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import numpy as np

from edgevision.data import Frame
from edgevision.errors import BadInput, EdgeVisionError
from edgevision.model import Model, open_model
from edgevision.selftest import check

from .check import Check, Section


def section(path: Path, engine: str) -> Section:
    """Opens the model and runs it on the pictures it carries. Raises BadInput for a file that is at fault itself."""
    try:
        with open_model(path, engine=engine) as model:
            return Section("Model", (_engine(model), _selftest(model)))
    except BadInput:
        raise
    except EdgeVisionError as error:
        return Section("Model", (Check("engine", False, str(error), expected=f"{engine} runs it", fix=_other(engine)),))


def _engine(model: Model) -> Check:
    """Runs it once for the first time, which costs more, and once to see."""
    gray = Frame(np.full((model.rule.height, model.rule.width, 3), 128, np.uint8), "RGB")
    model.predict(gray)
    start = perf_counter()
    model.predict(gray)
    taken_ms = (perf_counter() - start) * 1e3
    choice = model.choice
    used = choice.used if choice else "?"
    runtime = " ".join(str(getattr(model.engine, name, "")) for name in ("runtime", "version")).strip()
    reason = f"; not quicker, because {choice.fallback_reason}" if choice and choice.fallback_reason else ""
    return Check("engine", True, f"{used}, {runtime}, {taken_ms:.1f} ms a picture{reason}")


def _selftest(model: Model) -> Check:
    if model.card.selftest is None or not model.card.selftest.cases:
        return Check("self-test", None, "the file carries none; those of edgevision convert do", needed=False)
    report = check(model)
    fix = None if report.ok else "convert the model again; if it fails on this machine alone, keep this report"
    return Check("self-test", report.ok, report.describe(), expected="as converted", fix=fix)


def _other(engine: str) -> str:
    return "mend the engine as the lines above say" + ("" if engine == "auto" else ", or take --engine auto")
