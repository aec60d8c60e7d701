"""Checks of a model file on this machine: the engine, the latency of one image, and the file's self-test."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import numpy as np

from edgevision.errors import BadInput, EdgeVisionError
from edgevision.model import Model, open_model
from edgevision.selftest import check
from edgevision.types import Frame

from .result import Check, Section


def section(path: Path, engine: str, title: str = "Model") -> Section:
    """Open the model, time it and run its self-test; what is wrong with it is a failed check."""
    try:
        with open_model(path, engine=engine) as model:
            return Section(title, (_engine(model), _selftest(model)))
    except BadInput as error:
        # The message says what to do, behind its last semicolon.
        found, _, fix = str(error).rpartition("; ")
        fix = fix or "use another model"
        return Section(title, (Check("model", False, found or str(error), expected="a model that runs", fix=fix),))
    except EdgeVisionError as error:
        return Section(title, (Check("engine", False, str(error), expected=f"{engine} runs it", fix=_other(engine)),))


def _engine(model: Model) -> Check:
    """Run the model twice and report the second latency; the first run is slower."""
    gray = Frame(np.full((model.preprocessing.height, model.preprocessing.width, 3), 128, np.uint8), "RGB")
    model.predict(gray)
    start = perf_counter()
    model.predict(gray)
    taken_ms = (perf_counter() - start) * 1e3
    choice = model.choice
    used = choice.used if choice else "?"
    runtime = " ".join(filter(None, (model.engine.runtime, model.engine.version)))
    reason = f"; not on an accelerator: {choice.fallback_reason}" if choice and choice.fallback_reason else ""
    return Check("engine", True, f"{used}, {runtime}, {taken_ms:.1f} ms per image{reason}")


def _selftest(model: Model) -> Check:
    if model.card.selftest is None or not model.card.selftest.cases:
        return Check("self-test", None, "the file has none; files made by edgevision convert do", needed=False)
    report = check(model)
    fix = None if report.ok else "convert the model again; if only this machine fails, file an issue with this report"
    return Check("self-test", report.ok, report.describe(), expected="the results of the conversion", fix=fix)


def _other(engine: str) -> str:
    return "fix the engine as shown above" + ("" if engine == "auto" else ", or use --engine auto")
