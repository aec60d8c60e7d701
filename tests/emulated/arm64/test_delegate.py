"""The Edge TPU path on arm64: a fake libedgetpu built for it claims and runs the compiled operator."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from .userland import Userland

TESTS = Path(__file__).resolve().parents[2]
COMPILER = "gcc" if platform.machine() == "aarch64" else "aarch64-linux-gnu-gcc"
SCRIPT = """
import os, sys
os.environ["EDGEVISION_EDGETPU_LIBRARY"] = sys.argv[1]
import numpy as np
from pathlib import Path
from edgevision.model_file import model_file as modelfile
from edgevision.engines.edgetpu import open_delegated
from edgevision.errors import EngineError
compiled = modelfile.read(Path("/repo/tests/data/tiny_edgetpu.tflite")).flatbuffer
engine = open_delegated(compiled, "usb:0", 1)
tensor = np.zeros((1, 16, 16, 3), np.uint8)
tensor[0, 3, 5, 1] = 200
print(engine.infer(tensor)[0].argmax())
engine.close()
os.environ["FAKE_EDGETPU"] = "mismatch"
try:
    open_delegated(compiled, "usb:0", 1)
except EngineError as error:
    print(error)
"""


def test_delegate_runs_the_compiled_operator(userland: Userland) -> None:
    if shutil.which(COMPILER) is None:
        pytest.skip(
            f"no {COMPILER} to build the fake of libedgetpu: apt install gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
        )
    library = userland.folder / "libfake_edgetpu.so"
    source = TESTS / "delegate" / "fake_edgetpu.c"
    subprocess.run([COMPILER, "-Wall", "-Wextra", "-shared", "-fPIC", "-o", library, source], check=True)
    answer, refusal = userland.run("-c", SCRIPT, userland.inside(library)).stdout.splitlines()
    assert int(answer) == 200 % 3
    assert "Unsupported data type in custom op handler" in refusal
