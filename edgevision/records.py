"""``record``: a frozen dataclass with slots that compiles no functions when its module is imported.

``dataclass(frozen=True, slots=True)`` compiles six functions per class, which takes 0.7 ms on a desktop and several times that
on a Raspberry Pi; the ten larger records on the way to the first prediction added 8 % to the start. All records share the
functions below instead. Creating a record takes 1 µs longer, so what is created many times per frame stays a dataclass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform, overload

if TYPE_CHECKING:
    from inspect import Signature

T = TypeVar("T")
_set = object.__setattr__


@overload
def record(cls: type[T], /) -> type[T]: ...
@overload
def record(*, eq: bool = True, kw_only: bool = False) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field, Field))
def record(cls: type[T] | None = None, /, *, eq: bool = True, kw_only: bool = False) -> Any:
    """Make a class a frozen dataclass with slots, for ``fields``, ``replace`` and ``asdict`` of ``dataclasses``, too.

    Args:
        cls: The class, with ordinary fields only: no ``ClassVar``, no ``field(init=False)``.
        eq: Whether to compare and hash by the values of the fields instead of by identity.
        kw_only: Whether all fields have to be named.
    """

    def make(cls: type[T]) -> type[T]:
        made: Any = dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(cls)
        made.__init__, made.__signature__ = _init, _Signature()
        if made.__repr__ is object.__repr__:  # a record may have its own, where a field holds a secret
            made.__repr__ = _repr
        made.__setattr__ = made.__delattr__ = _refuse
        made.__getstate__, made.__setstate__ = _state, _restore
        if eq:
            made.__eq__, made.__hash__ = _equal, _hash
        result: type[T] = made
        return result

    return make if cls is None else make(cls)


def _init(self: Any, /, *args: Any, **named: Any) -> None:
    """Set the fields as the ``__init__`` of a dataclass does. Raises TypeError."""
    declared, positional, called = self.__dataclass_fields__, self.__match_args__, type(self).__qualname__
    if len(args) > len(positional):
        raise TypeError(f"{called}() takes at most {len(positional)} positional arguments, got {len(args)}")
    for name, value in zip(positional, args, strict=False):
        if name in named:
            raise TypeError(f"{called}() got two values for the argument {name!r}")
        _set(self, name, value)
    missing = []
    for name in list(declared)[len(args) :]:
        default = declared[name]
        if name in named:
            _set(self, name, named.pop(name))
        elif default.default is not MISSING:
            _set(self, name, default.default)
        elif default.default_factory is not MISSING:
            _set(self, name, default.default_factory())
        else:
            missing.append(name)
    if named:
        raise TypeError(f"{called}() has no argument {', '.join(map(repr, named))}")
    if missing:
        raise TypeError(f"{called}() needs the arguments {', '.join(map(repr, missing))}")
    if hasattr(self, "__post_init__"):
        self.__post_init__()


def _repr(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, one in self.__dataclass_fields__.items() if one.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _compared(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, name) for name, one in self.__dataclass_fields__.items() if one.compare)


def _equal(self: Any, other: object) -> bool:
    return _compared(self) == _compared(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _refuse(self: Any, name: str, *_: object) -> None:
    raise FrozenInstanceError(f"cannot change the field {name!r}")


def _state(self: Any) -> list[Any]:
    """Return what ``copy`` and ``pickle`` keep."""
    return [getattr(self, name) for name in self.__dataclass_fields__]


def _restore(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__dataclass_fields__, state, strict=True):
        _set(self, name, value)


class _Signature:
    """The signature of a record for ``help``, made when it is looked at."""

    def __get__(self, _: object, owner: Any) -> Signature:
        from inspect import Parameter, Signature

        def parameter(name: str, one: Field[Any]) -> Parameter:
            kind = Parameter.KEYWORD_ONLY if one.kw_only else Parameter.POSITIONAL_OR_KEYWORD
            made = one.default_factory is not MISSING
            default = one.default if one.default is not MISSING else one.default_factory if made else Parameter.empty
            return Parameter(name, kind, default=default, annotation=one.type)

        return Signature([parameter(name, one) for name, one in owner.__dataclass_fields__.items()])
