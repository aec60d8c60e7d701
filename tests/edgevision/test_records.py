"""Records behave like frozen dataclasses with slots."""

from __future__ import annotations

import copy
import pickle  # noqa: TID251  # users may
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from inspect import signature
from typing import Any

import pytest

from edgevision.records import record


@record
class Point:
    """A point with a name."""

    x: int
    y: int = 0
    name: str = ""
    tags: list[str] = field(default_factory=list, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("negative")


@dataclass(frozen=True, slots=True)
class Model:
    """The same as a dataclass."""

    x: int
    y: int = 0
    name: str = ""
    tags: list[str] = field(default_factory=list, compare=False, repr=False)


@record(eq=False)
class Handle:
    """A record with an identity."""

    value: int


@record(kw_only=True)
class Named:
    """A record whose fields have to be named."""

    first: int
    second: int = 2


@pytest.mark.parametrize(
    ("args", "named"),
    [((1,), {}), ((1, 2, "a", ["t"]), {}), ((), {"x": 1, "name": "a"}), ((1,), {"y": 5}), ((1, 2), {"tags": ["t"]})],
)
def test_creation_sets_the_fields_of_the_dataclass(args: tuple[Any, ...], named: dict[str, Any]) -> None:
    assert asdict(Point(*args, **named)) == asdict(Model(*args, **named))


@pytest.mark.parametrize(
    ("args", "named", "message"),
    [
        ((), {}, r"Point\(\) needs the arguments 'x'"),
        ((1, 2, "a", [], 5), {}, r"Point\(\) takes at most 4 positional arguments, got 5"),
        ((1,), {"x": 2}, r"Point\(\) got two values for the argument 'x'"),
        ((1,), {"z": 2}, r"Point\(\) has no argument 'z'"),
    ],
)
def test_wrong_arguments_are_a_type_error(args: tuple[Any, ...], named: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Point(*args, **named)
    with pytest.raises(TypeError):
        Model(*args, **named)


def test_arguments_that_must_be_named_are_not_positional() -> None:
    assert (Named(first=1).first, Named(first=1).second) == (1, 2)
    with pytest.raises(TypeError, match="takes at most 0 positional arguments, got 1"):
        Named(1)  # type: ignore[misc]


def test_post_init_validates() -> None:
    with pytest.raises(ValueError, match="negative"):
        Point(-1)
    with pytest.raises(ValueError, match="negative"):
        replace(Point(1), x=-1)


def test_fields_cannot_be_changed_and_none_can_be_added() -> None:
    point = Point(1)
    for name in ("x", "z"):
        with pytest.raises(FrozenInstanceError):
            setattr(point, name, 2)
    with pytest.raises(FrozenInstanceError):
        del point.x
    assert not hasattr(point, "__dict__")


def test_default_values_are_not_shared() -> None:
    assert Point(1).tags is not Point(1).tags


def test_comparison_and_hash_are_those_of_the_values() -> None:
    assert Point(1, 2, tags=["a"]) == Point(1, 2, tags=["b"]) != Point(1, 3)
    assert hash(Point(1, 2, tags=["a"])) == hash(Point(1, 2))
    assert Point(1) != Model(1)
    assert Handle(1) != Handle(1) and len({Handle(1), Handle(1)}) == 2


def test_repr_and_signature_are_those_of_the_dataclass() -> None:
    assert repr(Point(1, name="a")) == repr(Model(1, name="a")).replace("Model", "Point")
    assert list(signature(Point).parameters) == list(signature(Model).parameters)
    assert str(signature(Named)) == "(*, first: 'int', second: 'int' = 2)"


def test_functions_of_dataclasses_work() -> None:
    assert is_dataclass(Point) and [one.name for one in fields(Point)] == ["x", "y", "name", "tags"]
    assert replace(Point(1), y=3) == Point(1, 3)
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_copies_and_pickles_are_equal() -> None:
    point = Point(1, tags=["a"])
    for made in (copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point))):  # noqa: S301
        assert made == point and made.tags == ["a"]


def test_options_of_a_run_do_not_show_a_password() -> None:
    from edgevision.device.loop.options import Options

    assert "hush" not in repr(Options(camera="rtsp://me:hush@10.0.0.2/stream"))
