"""The float network in other runtimes, as a reference for int8; they run only the network, on preprocessed pixels."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from child import Child, timed

ROOT = Path(__file__).resolve().parent.parent
ONNX = ROOT / ".cache/envs/onnx/bin/python"
OPENCV_NAME, ONNX_NAME, LITERT_NAME = (
    f"float in {one}, network alone" for one in ("OpenCV DNN", "ONNX Runtime", "LiteRT")
)
Visit = Callable[[int], list[float]]


def float_visits(model: Path, every: np.ndarray, folder: Path, stack: ExitStack) -> tuple[dict[str, Visit], list[str]]:
    """Return the peers, and a line for each runtime that cannot open ``model``; ``every``: (count, 720, 1280, 3)."""
    visits: dict[str, Visit] = {}
    told: list[str] = []
    try:
        raw = Interpreter(str(model), num_threads=1)
        raw.allocate_tensors()
    except (ValueError, RuntimeError) as err:
        raise SystemExit(f"cannot open --float {model}: {' '.join(str(err).split())[:150]}") from None
    entry = raw.get_input_details()[0]
    if entry["dtype"] != np.float32:
        raise SystemExit(f"expected a --float model with float32 input, got {np.dtype(entry['dtype']).name}: {model}")
    _, height, width, _ = entry["shape"]
    prepared = np.stack([cv2.resize(one, (int(width), int(height))) for one in every])  # noqa: TID251  # time only
    prepared = (prepared / np.float32(127.5) - 1).astype(np.float32)

    def litert(pixels: np.ndarray) -> None:
        raw.set_tensor(entry["index"], pixels[None])
        raw.invoke()

    visits[LITERT_NAME] = timed(litert, prepared)
    try:
        visits[OPENCV_NAME] = _opencv(model, prepared)
    except cv2.error as err:
        told.append(f"{OPENCV_NAME}: cannot read {model.name}: {_reason(err)}")
    if not ONNX.exists():
        return visits, [*told, f"{ONNX_NAME}: skipped; install it with: make env-onnx"]
    saved = folder / "prepared.npy"
    np.save(saved, prepared)
    child = stack.enter_context(Child(ONNX, "onnx_child.py", model, saved))
    if child.answer == "ready":
        visits[ONNX_NAME] = child
    else:
        told.append(f"{ONNX_NAME}: cannot read {model.name}: {child.answer or 'the process ended'}")
    return visits, told


def _opencv(model: Path, prepared: np.ndarray) -> Visit:
    """Return the OpenCV peer, which takes channels first. Raises cv2.error."""
    net = cv2.dnn.readNetFromTFLite(str(model))
    planes = np.ascontiguousarray(prepared.transpose(0, 3, 1, 2))

    def run(one: np.ndarray) -> None:
        net.setInput(one[None])
        net.forward()

    run(planes[0])
    return timed(run, planes)


def _reason(err: cv2.error) -> str:
    """Return OpenCV's error message without its source locations."""
    return re.sub(r"^OpenCV\(\S+\) \S+ error: \(\S+ ", "(", " ".join(str(err).split()))
