"""Reader for tensors in PyTorch's format before 1.6, which runs nothing that the file names.

Such a file is five pickles (a magic number, the version of the format, facts about the machine, the tensors, the keys of
their storages), then for each key an int64 count and its values, all little-endian (``torch/serialization.py``).
The pickles are interpreted here, operation by operation, and only plain values and tensors come out of them.
"""

from __future__ import annotations

import io
import math
import pickletools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadModel

if TYPE_CHECKING:
    import numpy.typing as npt

    Tensors = dict[str, npt.NDArray[Any]]

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
_DICT, _TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_TYPES: dict[str, np.dtype[Any]] = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_NAMES = frozenset({_DICT, _TENSOR, *_TYPES})
"""Everything that a file may name."""
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = frozenset({"BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1"})
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True, slots=True)
class _Name:
    """A class or function that the file names; it is never looked up."""

    text: str


@dataclass(frozen=True, slots=True)
class _Storage:
    """The values of one tensor, which follow behind the pickles."""

    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor that shows each value of its storage once."""

    storage: _Storage
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """Distances between neighbors along each axis, in values."""

    def over(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the array over the values of the storage."""
        byte_strides = [stride * values.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(values, self.shape, byte_strides, writeable=False)


def read(data: bytes) -> Tensors:
    """Return the tensors of a file by name, in its order. Raises BadModel for anything but plain float and int64 tensors."""
    stream = io.BytesIO(data)
    try:
        magic, version, _, named, keys = (_load(stream) for _ in range(5))
        if magic != MAGIC or version != VERSION:
            raise ValueError(f"it starts with {magic!r} and {version!r}")
        tensors = {str(name): _checked(value) for name, value in named.items()}
        values = _storages(stream, {tensor.storage.key: tensor.storage for tensor in tensors.values()}, keys)
        return {name: one.over(values[one.storage.key]) for name, one in tensors.items()}
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise BadModel(f"not a PyTorch weights file of the old format ({error})") from None


def _checked(value: Any) -> _Tensor:
    if not isinstance(value, _Tensor):
        raise ValueError(f"it holds a {type(value).__name__} where a tensor is expected")
    return value


def _storages(stream: io.BytesIO, expected: dict[str, _Storage], keys: Iterable[Any]) -> Tensors:
    """Read the values that follow, in the order of ``keys``."""
    found: Tensors = {}
    for key in keys:
        storage = expected[key]
        count = int.from_bytes(stream.read(8), "little", signed=True)
        if count != storage.count:
            raise ValueError(f"storage {key} has {count} values instead of {storage.count}")
        found[key] = np.frombuffer(stream.read(count * storage.dtype.itemsize), storage.dtype, count)
    return found


def _load(stream: io.BytesIO) -> Any:
    """Interpret one pickle. Raises ValueError for an operation or a name that no weights file needs."""
    machine = _Machine()
    for operation, argument, _ in pickletools.genops(stream):
        machine.step(operation.name, argument)
    (value,) = machine.stack
    return value


@dataclass(slots=True)
class _Machine:
    """State of the interpretation of a pickle; see ``pickletools`` for what the operations mean."""

    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    """Lengths of the stack at its marks."""
    memo: dict[int, Any] = field(default_factory=dict)

    def step(self, name: str, argument: Any) -> None:
        """Run one operation."""
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _VALUES:
            self.stack.append(argument)
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name in _TUPLES:
            self.stack.append(tuple(self._pop(_TUPLES[name])))
        elif name in _OPERATIONS:
            _OPERATIONS[name](self, argument)
        else:
            raise ValueError(f"it uses the pickle operation {name}")

    def _pop(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise ValueError("a pickle ends too early")
        taken = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return taken

    def _since_mark(self) -> list[Any]:
        return self._pop(len(self.stack) - self.marks.pop())

    def _global(self, argument: Any) -> None:
        if argument not in _NAMES:
            raise ValueError(f"it names {argument!r}")
        self.stack.append(_Name(argument))

    def _reduce(self, _: Any) -> None:
        """Build what a call in the file stands for: an empty dictionary or a tensor."""
        name, arguments = self._pop(2)
        if name == _Name(_DICT) and arguments == ():
            self.stack.append({})
        elif name == _Name(_TENSOR):
            self.stack.append(_tensor(*arguments))
        else:
            raise ValueError(f"it calls {name!r}")

    def _persistent(self, _: Any) -> None:
        kind, name, key, _place, count, _view = self._pop(1)[0]
        if kind != "storage" or not isinstance(count, int):
            raise ValueError(f"it refers to a {kind!r}")
        self.stack.append(_Storage(str(key), _TYPES[name.text], count))

    def _set_items(self, items: list[Any]) -> None:
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    """Return the tensor of a storage. Raises ValueError unless it stays within the storage and has as many values."""
    numbers = all(type(number) is int and number >= 0 for number in (*shape, *strides))
    if not isinstance(storage, _Storage) or offset != 0 or not numbers or math.prod(shape) != storage.count:
        raise ValueError("a tensor shows a part of another one")
    if sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True)) >= max(1, storage.count):
        raise ValueError("a tensor reaches beyond its values")
    return _Tensor(storage, shape, strides)


_OPERATIONS: dict[str, Callable[[_Machine, Any], object]] = {
    "PROTO": lambda machine, version: None,
    "STOP": lambda machine, _: None,
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "EMPTY_TUPLE": lambda machine, _: machine.stack.append(()),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine._since_mark())),
    "APPENDS": lambda machine, _: (lambda items: machine.stack[-1].extend(items))(machine._since_mark()),
    "SETITEM": lambda machine, _: machine._set_items(machine._pop(2)),
    "SETITEMS": lambda machine, _: machine._set_items(machine._since_mark()),
    "GLOBAL": _Machine._global,
    "REDUCE": _Machine._reduce,
    "BINPERSID": _Machine._persistent,
    "BUILD": lambda machine, _: machine._pop(1),  # metadata of the modules, which is not needed
}
