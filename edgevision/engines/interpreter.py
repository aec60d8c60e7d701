"""One interface to the TFLite runtimes: LiteRT, tflite-runtime or TensorFlow's, whichever is installed first."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EngineError, MissingDependency, first_line
from ..log import Log
from ..model_file.edgetpu_part import NOT_ON_CPU
from ..tflite.schema import COMPILED_OPERATOR
from ..types import TensorSpec

if TYPE_CHECKING:
    from ..types import Tensor

log = Log("edgevision.engines")
RUNTIMES = {
    # displayed name: module, in the order in which they are tried
    "litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite.python.interpreter",
}
_DISTRIBUTIONS = {
    # names on the package index
    "litert": ("ai-edge-litert",),
    "tflite-runtime": ("tflite-runtime",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
}


class DelegateRefused(EngineError):
    """A delegate could not be used: its library does not load, or it finds no usable device."""

    def __init__(self, message: str, library_found: bool) -> None:
        super().__init__(message)
        self.library_found = library_found


class Interpreter:
    """A loaded model, ready to run on the CPU or on a delegate's device."""

    def __init__(self, raw: Any, runtime: str, threads: int, delegate: Any = None) -> None:
        self._raw = raw
        self._delegate = delegate  # the runtime uses it, but holds no reference to it
        self.runtime = runtime
        """Name of the runtime, a key of RUNTIMES."""
        self.threads = threads
        self.inputs: tuple[TensorSpec, ...] = tuple(_spec(d) for d in raw.get_input_details())
        self.outputs: tuple[TensorSpec, ...] = tuple(_spec(d) for d in raw.get_output_details())
        self._input = int(raw.get_input_details()[0]["index"])
        self._outputs = [int(d["index"]) for d in raw.get_output_details()]
        self._open_input = raw.tensor(self._input)
        self._said = ""
        """Text of the last error."""
        for detail in raw.get_input_details()[1:]:  # only benchmarks and the probe run such models
            raw.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))

    @property
    def version(self) -> str:
        """Version of the runtime's distribution; looked up on access, since it takes 10 ms or more."""
        return _version(_DISTRIBUTIONS[self.runtime])

    def infer(self, tensor: Tensor) -> list[Tensor]:
        """Run the model once and return copies of its outputs. Raises EngineError."""
        try:
            self._raw.set_tensor(self._input, tensor)
        except (RuntimeError, ValueError, AttributeError) as error:
            raise self._failed(error) from None
        return self.infer_written()

    def input_memory(self) -> Tensor:
        """Return a view of the model's input. Drop it after writing: the runtime does not run while it is referenced.

        Raises EngineError after ``close``.
        """
        if self._raw is None:
            raise EngineError("the model is closed; open it again")
        view: Tensor = self._open_input()
        return view

    def infer_written(self) -> list[Tensor]:
        """Run the model on what was written to ``input_memory``; otherwise like ``infer``. Raises EngineError."""
        try:
            self._raw.invoke()
            # get_tensor copies, so the result stays valid after the next run.
            return [self._raw.get_tensor(index) for index in self._outputs]
        except (RuntimeError, ValueError, AttributeError) as error:
            raise self._failed(error) from None

    def invoke(self) -> None:
        """Run the model on whatever its input holds, without copying: the bare runtime, for benchmarks."""
        self._raw.invoke()

    def delegated_parts(self) -> list[tuple[frozenset[int], tuple[int, ...]]] | None:
        """Return the tensor numbers that each delegated part reads and writes; None if the runtime does not tell."""
        tell = getattr(self._raw, "_get_ops_details", None)
        if tell is None:
            return None
        parts = [one for one in tell() if one["op_name"] == "DELEGATE"]
        return [(frozenset(map(int, one["inputs"])), tuple(map(int, one["outputs"]))) for one in parts]

    def close(self) -> None:
        """Free the model's memory, then the delegate. Calling it twice is safe."""
        self._raw = self._open_input = None
        self._delegate = None

    def _failed(self, error: Exception) -> EngineError:
        # LiteRT repeats all earlier errors in each message, and puts nothing between what an operator says and its number.
        new = str(error).removeprefix(self._said)
        self._said = str(error)
        lines = new.replace("Node number", "; node number").strip("; \n").splitlines() or [first_line(error)]
        return EngineError(f"the {self.runtime} runtime failed: {lines[0]}")


def open_interpreter(
    model: bytes | Path, threads: int | None = None, delegate: tuple[str, Mapping[str, str]] | None = None
) -> Interpreter:
    """Load a .tflite, given as bytes or path, onto the CPU. Raises EngineError, MissingDependency.

    ``delegate``: a delegate's shared library and its options; it takes over the operators it supports. Raises
    DelegateRefused if it cannot be used.
    """
    name, module = _runtime()
    source: dict[str, Any] = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    count = threads or available_cpus()
    loaded = _load_delegate(module, *delegate) if delegate else None
    if loaded is not None:
        source["experimental_delegates"] = [loaded]
    try:
        return Interpreter(_allocated(module, count, source), name, count, loaded)
    except (RuntimeError, ValueError) as error:
        plain = getattr(module, "OpResolverType", None)
        if loaded is None and plain is not None and "delegate" in str(error).lower():
            # The runtime's own XNNPACK delegate refuses operators of old models that the plain kernels run.
            source["experimental_op_resolver_type"] = plain.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            with contextlib.suppress(RuntimeError, ValueError):
                opened = Interpreter(_allocated(module, count, source), name, count)
                log.warning("the model runs without the XNNPACK delegate, which is slower: %s", first_line(error))
                return opened
        if loaded is None and COMPILED_OPERATOR in str(error):
            raise EngineError(f"this model {NOT_ON_CPU}") from None
        raise EngineError(f"the {name} runtime cannot load this model: {first_line(error)}") from None


def _allocated(module: Any, threads: int, source: Mapping[str, Any]) -> Any:
    """Return a runtime's interpreter with its tensors allocated. Raises the runtime's errors."""
    with _native_notes_off():
        raw = module.Interpreter(num_threads=threads, **source)
        raw.allocate_tensors()
    return raw


def describe_runtime() -> str:
    """Return name and version of the runtime in use. Raises MissingDependency."""
    name, _ = _runtime()
    return f"{name} {_version(_DISTRIBUTIONS[name])}"


def available_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def _native_notes_off() -> Iterator[None]:
    """Silence stderr: the C++ runtime announces its XNNPACK delegate there; its errors are raised as exceptions."""
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
        except ImportError as error:
            log.debug("runtime %s: not usable: %s", name, error)
    raise MissingDependency("no TFLite runtime is installed; install one with: pip install ai-edge-litert")


def _load_delegate(module: Any, library: str, options: Mapping[str, str]) -> Any:
    """Load a delegate. Raises DelegateRefused."""
    try:
        with _native_notes_off():
            return module.load_delegate(library, dict(options))
    except OSError as error:
        raise DelegateRefused(first_line(error), library_found=False) from None
    except (ValueError, RuntimeError) as error:
        # The first line only repeats the name of the library.
        said = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
        raise DelegateRefused(said[0] if said else "no reason given", library_found=True) from None


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
