"""A model that the runtime's own delegate refuses is opened again with the plain kernels."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from changed_model import TINY

from edgevision.engines import interpreter
from edgevision.errors import EngineError


def runtime(refusal: str) -> Any:
    """Return the installed runtime's module with a default delegate that refuses every model."""
    name, real = interpreter._runtime()

    def opened(**source: Any) -> Any:
        if "experimental_op_resolver_type" not in source:
            raise RuntimeError(refusal)
        return real.Interpreter(**source)

    return name, SimpleNamespace(Interpreter=opened, OpResolverType=real.OpResolverType)


def test_model_that_the_delegate_refuses_runs_without_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = interpreter.open_interpreter(TINY).infer(np.full((1, 16, 16, 3), 90, np.uint8))
    fake = runtime(
        "failed to delegate RESIZE_BILINEAR node #99\nNode number 71 (TfLiteXNNPackDelegate) failed to prepare."
    )
    monkeypatch.setattr(interpreter, "_runtime", lambda: fake)
    opened = interpreter.open_interpreter(TINY)
    assert np.allclose(opened.infer(np.full((1, 16, 16, 3), 90, np.uint8)), expected, atol=1)
    assert "without the XNNPACK delegate" in caplog.text


def test_other_refusals_are_not_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = runtime("unresolved custom op: x")
    monkeypatch.setattr(interpreter, "_runtime", lambda: fake)
    with pytest.raises(EngineError, match="unresolved custom op: x"):
        interpreter.open_interpreter(TINY)


def test_model_that_no_kernel_runs_is_reported_with_the_first_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = runtime("failed to delegate X")
    fake[1].Interpreter = lambda **source: (_ for _ in ()).throw(RuntimeError(f"delegate, {len(source)}"))
    monkeypatch.setattr(interpreter, "_runtime", lambda: fake)
    with pytest.raises(EngineError, match="delegate, 2"):
        interpreter.open_interpreter(TINY)
