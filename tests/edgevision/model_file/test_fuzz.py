"""Damaged model files either raise a one-line error or still work; they never crash the process.

The slow tests try 2,000 truncations and byte changes of each format, the default run a sample. Each batch runs in its
own process, so that a crash is seen.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from locations import HELPERS, ROOT

CHILD = HELPERS / "fuzz_child.py"
SAMPLE, ALL, BATCH = 60, 2_000, 500
READY = ROOT / "edgevision" / "default_model" / "default.tflite"


def run(source: Path, first: int, last: int, folder: Path) -> dict[str, Any]:
    """Return the results of opening damaged copies in a child process, which must not crash."""
    line = [sys.executable, "-P", str(CHILD), str(source), str(first), str(last), str(folder)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, f"exit status {done.returncode} among seeds {first} to {last}: {done.stderr[-2000:]}"
    counts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return counts


def check(source: Path, count: int, folder: Path) -> None:
    refused = 0
    for first in range(0, count, BATCH):
        counts = run(source, first, min(count, first + BATCH), folder)
        assert counts["wrong"] == []
        refused += counts.get("refused", 0)
    assert refused > count / 3  # at least the truncated third


SIZES = [SAMPLE, pytest.param(ALL, marks=pytest.mark.slow)]


@pytest.mark.parametrize("count", SIZES)
def test_damaged_tflite_is_refused_or_works(count: int, tmp_path: Path) -> None:
    check(READY, count, tmp_path)


def test_changed_graph_is_refused_by_its_digest(tmp_path: Path) -> None:
    """A graph that was changed after conversion never reaches the runtime."""
    from edgevision import open_model
    from edgevision.errors import BadModel
    from edgevision.model_file import model_file

    size = len(model_file.read(READY).flatbuffer)
    data = bytearray(READY.read_bytes())
    for at in range(size // 10, size, size // 7):
        changed = bytearray(data)
        changed[at] ^= 0x55
        (tmp_path / "m.tflite").write_bytes(changed)
        with pytest.raises(BadModel):
            open_model(tmp_path / "m.tflite")


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save small models of Keras 2 and 3 in both formats; return their folder."""
    pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")
    from edgevision.convert import backend

    folder = tmp_path_factory.mktemp("keras")
    for generation, keras in ((3, backend.keras()), (2, backend.tf_keras())):
        layers = keras.layers
        image = keras.Input((16, 16, 3))
        x = layers.Conv2D(4, 3, strides=2)(layers.Rescaling(1 / 255)(image))
        x = layers.DepthwiseConv2D(3)(layers.ReLU(6.0)(layers.BatchNormalization()(x)))
        model = keras.Model(image, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
        for suffix in ("h5", "keras"):
            model.save(folder / f"keras{generation}.{suffix}")
    return folder


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["keras3.h5", "keras3.keras"])
@pytest.mark.parametrize("count", SIZES)
def test_damaged_keras_3_file_is_refused_or_works(keras_files: Path, count: int, name: str, tmp_path: Path) -> None:
    check(keras_files / name, count, tmp_path)


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.parametrize("name", ["keras2.h5", "keras2.keras"])
def test_damaged_keras_2_file_is_refused_or_works(keras_files: Path, name: str, tmp_path: Path) -> None:
    check(keras_files / name, 400, tmp_path)


@pytest.mark.tensorflow
def test_file_that_crashes_hdf5_is_a_one_line_error(keras_files: Path, tmp_path: Path) -> None:
    """Only the child that reads the file dies; a new child reads the next file."""
    from edgevision.convert.keras_files import hdf5_sandbox
    from edgevision.convert.keras_files.scan import scan

    from edgevision.errors import BadModel

    good = keras_files / "keras3.h5"
    assert scan(good).format == "h5"
    process = hdf5_sandbox._reader._process
    assert process is not None
    process.kill()
    process.wait()
    assert scan(good).format == "h5"  # a child that died in between is replaced

    code = 'import os; input(); print(\'{"step": "reading"}\', flush=True); os.abort()'
    command = [sys.executable, "-c", code]
    hdf5_sandbox._reader._process = subprocess.Popen(command, stdin=-1, stdout=-1, bufsize=0)
    with pytest.raises(BadModel, match=r"the HDF5 library crashed \(SIGABRT\)"):
        scan(good)
    assert scan(good).format == "h5"
