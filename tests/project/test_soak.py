"""The loop does not grow over minutes or hours, and the tool that checks this would notice growth."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from locations import ROOT

TOOL = ROOT / "tools" / "soak.py"
MINUTES = float(os.environ.get("EDGEVISION_SOAK_MINUTES", "10"))


@pytest.fixture(scope="module")
def soak() -> ModuleType:
    spec = importlib.util.spec_from_file_location("soak", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["soak"] = module
    spec.loader.exec_module(module)
    return module


def made(soak: ModuleType, growth_mb_per_hour: float, noise_mb: float = 0.3, minutes: int = 60) -> list[object]:
    """Return samples of a process with a given growth, after a steep start."""
    chance = random.Random(1)
    return [
        soak.Sample(
            float(s), 80 + min(s, 300) / 30 + s / 3600 * growth_mb_per_hour + chance.uniform(-noise_mb, noise_mb), 5, 9
        )
        for s in range(minutes * 60)
    ]


def test_noise_is_not_growth(soak: ModuleType) -> None:
    verdict = soak.judge(made(soak, 0.0))
    assert verdict.good
    assert verdict.growth_low_mb <= verdict.growth_mb <= verdict.growth_high_mb


def test_steady_process_is_good(soak: ModuleType) -> None:
    verdict = soak.judge(made(soak, 0.0, noise_mb=0.0))
    assert verdict.good
    assert verdict.growth_mb == pytest.approx(0.0, abs=1e-6)


def test_small_leak_is_found(soak: ModuleType) -> None:
    verdict = soak.judge(made(soak, 2.0))
    assert not verdict.good
    assert verdict.growth_mb_per_hour == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("what", ["threads", "files"])
def test_one_more_thread_or_file_is_found(soak: ModuleType, what: str) -> None:
    samples = made(soak, 0.0)
    last = {**samples[-1].__dict__, what: getattr(samples[-1], what) + 1}
    assert not soak.judge([*samples[:-1], soak.Sample(**last)]).good


def test_too_few_samples_are_refused(soak: ModuleType) -> None:
    with pytest.raises(ValueError, match="too few"):
        soak.judge(made(soak, 0.0)[:10])


def test_loop_that_ends_early_is_an_error(soak: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="the loop ended early"):
        soak.soak([sys.executable, "-c", "raise SystemExit(3)"], 20)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system has no /proc to read the memory from")
def test_loop_does_not_grow() -> None:
    command = [sys.executable, str(TOOL), "--minutes", str(MINUTES), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["good"]
