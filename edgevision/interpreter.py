"""One door to the TFLite runtimes: LiteRT, tflite-runtime or TensorFlow's own, the first that is installed."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .engines.compiled import NOT_ON_CPU
from .errors import EngineError, MissingDependency, first_line
from .tensors import TensorSpec
from .tflite_schema import COMPILED_OPERATOR

if TYPE_CHECKING:
    from .data import Tensor

RUNTIMES = {
    # name shown: module; in the order they are tried
    "litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite.python.interpreter",
}
_DISTRIBUTIONS = {
    # what pip calls them
    "litert": ("ai-edge-litert",),
    "tflite-runtime": ("tflite-runtime",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
}


class DelegateRefused(EngineError):
    """A delegate whose library cannot be loaded, or that finds no device it can use."""

    def __init__(self, message: str, library_found: bool) -> None:
        super().__init__(message)
        self.library_found = library_found


class Interpreter:
    """A model, ready to run on the CPU, or on what a delegate drives."""

    def __init__(self, raw: Any, runtime: str, threads: int, delegate: Any = None) -> None:
        self._raw = raw
        self._delegate = delegate  # the runtime uses it and does not keep it
        self.runtime = runtime
        """Name of the runtime."""
        self.threads = threads
        self.inputs: tuple[TensorSpec, ...] = tuple(_spec(d) for d in raw.get_input_details())
        self.outputs: tuple[TensorSpec, ...] = tuple(_spec(d) for d in raw.get_output_details())
        self._input = int(raw.get_input_details()[0]["index"])
        self._outputs = [int(d["index"]) for d in raw.get_output_details()]
        self._open_input = raw.tensor(self._input)

    @property
    def version(self) -> str:
        """Of the runtime's distribution; looked up when asked, because reading it costs a start 10 ms and more."""
        return _version(_DISTRIBUTIONS[self.runtime])

    def infer(self, tensor: Tensor) -> list[Tensor]:
        """Runs the model once; copies that the caller owns. Raises EngineError."""
        try:
            self._raw.set_tensor(self._input, tensor)
        except (RuntimeError, ValueError, AttributeError) as error:
            raise self._failed(error) from None
        return self.infer_written()

    def input_memory(self) -> Tensor:
        """Where the model reads its input, to be written and let go of: it does not run while somebody holds this.

        Raises EngineError after ``close``.
        """
        if self._raw is None:
            raise EngineError("the model was closed")
        view: Tensor = self._open_input()
        return view

    def infer_written(self) -> list[Tensor]:
        """As ``infer``, on what was written to ``input_memory``. Raises EngineError."""
        try:
            self._raw.invoke()
            # get_tensor copies: what it returns stays valid after the next run.
            return [self._raw.get_tensor(index) for index in self._outputs]
        except (RuntimeError, ValueError, AttributeError) as error:
            raise self._failed(error) from None

    def invoke(self) -> None:
        """Computes once more on whatever the input holds, and copies nothing: the bare runtime, for benchmarks."""
        self._raw.invoke()

    def delegated_parts(self) -> list[tuple[frozenset[int], tuple[int, ...]]] | None:
        """What each part reads and writes that a delegate took over, as numbers of tensors; None: the runtime does not tell."""
        tell = getattr(self._raw, "_get_ops_details", None)
        if tell is None:
            return None
        parts = [one for one in tell() if one["op_name"] == "DELEGATE"]
        return [(frozenset(map(int, one["inputs"])), tuple(map(int, one["outputs"]))) for one in parts]

    def close(self) -> None:
        """Frees the model's memory, then the delegate; may be called twice."""
        self._raw = self._open_input = None
        self._delegate = None

    def _failed(self, error: Exception) -> EngineError:
        return EngineError(f"the {self.runtime} runtime failed: {first_line(error)}")


def open_interpreter(
    model: bytes | Path, threads: int | None = None, delegate: tuple[str, Mapping[str, str]] | None = None
) -> Interpreter:
    """Loads a .tflite, from its bytes or its path, onto the CPU. Raises EngineError, MissingDependency.

    ``delegate``: the shared library of one that takes over the operators it knows, and its options. Raises
    DelegateRefused where it cannot be had.
    """
    name, module = _runtime()
    source: dict[str, Any] = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    count = threads or available_cpus()
    loaded = _load_delegate(module, *delegate) if delegate else None
    if loaded is not None:
        source["experimental_delegates"] = [loaded]
    try:
        with _native_notes_off():
            raw = module.Interpreter(num_threads=count, **source)
            raw.allocate_tensors()
        return Interpreter(raw, name, count, loaded)
    except (RuntimeError, ValueError) as error:
        if loaded is None and COMPILED_OPERATOR in str(error):
            raise EngineError(f"this model {NOT_ON_CPU}") from None
        raise EngineError(f"the {name} runtime cannot load this model: {first_line(error)}") from None


def describe_runtime() -> str:
    """Name and version of the runtime that is used. Raises MissingDependency."""
    name, _ = _runtime()
    return f"{name} {_version(_DISTRIBUTIONS[name])}"


def available_cpus() -> int:
    """CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def _native_notes_off() -> Iterator[None]:
    """The runtime's C++ side announces its XNNPACK delegate on stderr at each start; its errors come as exceptions."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _runtime() -> tuple[str, Any]:
    for name, module in RUNTIMES.items():
        try:
            return name, import_module(module)
        except ImportError:
            continue
    raise MissingDependency("no TFLite runtime is installed; install one with: pip install ai-edge-litert")


def _load_delegate(module: Any, library: str, options: Mapping[str, str]) -> Any:
    """Raises DelegateRefused."""
    try:
        with _native_notes_off():
            return module.load_delegate(library, dict(options))
    except OSError as error:
        raise DelegateRefused(first_line(error), library_found=False) from None
    except (ValueError, RuntimeError) as error:
        # The runtime's own first line only says which library it was.
        said = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
        raise DelegateRefused(said[0] if said else "it gave no reason", library_found=True) from None


def _version(distributions: tuple[str, ...]) -> str:
    from importlib import metadata

    for name in distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def _spec(detail: dict[str, Any]) -> TensorSpec:
    scales = detail["quantization_parameters"]["scales"]
    zeros = detail["quantization_parameters"]["zero_points"]
    signature = detail.get("shape_signature")
    shape = detail["shape"] if signature is None or len(signature) == 0 else signature
    return TensorSpec(
        name=str(detail["name"]),
        shape=tuple(int(n) for n in shape),
        dtype=np.dtype(detail["dtype"]).name,
        scale=float(scales[0]) if len(scales) == 1 else 0.0,
        zero_point=int(zeros[0]) if len(zeros) == 1 else 0,
    )
