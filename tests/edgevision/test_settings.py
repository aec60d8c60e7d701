"""Declared settings: allowed values, messages, and the same result from a file and from the command line."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from edgevision.cli.setting_options import GroupedCommand, headings, option_of, setting_options
from edgevision.errors import BadInput, RenamedSetting, UnknownName
from edgevision.settings import (
    AUTO,
    SEED,
    Setting,
    by_key,
    checked,
    default_text,
    describe,
    from_text,
    help_text,
    setting,
    settings_of,
    to_file,
    to_text,
)


def _pair(text: str) -> tuple[int, int]:
    if text == "odd":
        raise UnknownName("no pair is called odd")
    left, right = text.split("+")
    return int(left), int(right)


@dataclass(frozen=True, slots=True)
class Sample:
    """One setting of each kind."""

    count: int = setting(3, "int", "A count.", "Numbers", low=1, high=9, old_names=("number",))
    share: float | None = setting(None, "float", "A share.", "Numbers", low=0, high=1, auto=True)
    rate: float | None = setting(None, "float", "A rate.", "Numbers", above=0, high=5, default_text="the camera's")
    sizes: tuple[int, ...] = setting((8, 16), "ints", "Sizes.", "Numbers", low=1, high=64, lengths=(1, 2, 3))
    mean: tuple[float, ...] | None = setting(None, "numbers", "A mean.", "Numbers", lengths=(1, 3))
    turn: int = setting(0, "int", "A turn.", choices=(0, 90))
    style: str = setting("soft", "choice", "A style.", choices=("soft", "hard"), short="-s")
    folder: Path | None = setting(None, "path", "A folder.", metavar="FOLDER")
    pair: tuple[int, int] = setting(
        (1, 2), "text", "A pair.", form="A+B", parse=_pair, unparse=lambda pair: f"{pair[0]}+{pair[1]}"
    )
    as_json: bool = setting(False, "flag", "Print JSON.", key="json")
    check: bool = setting(True, "flag", "Check it.")
    plain: int = 4
    seed: int = SEED.field(help="A seed.")


SAMPLE = settings_of(Sample)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "count": st.integers(1, 9),
    "share": st.none() | st.floats(0, 1),
    "rate": st.floats(0, 5, exclude_min=True),
    "sizes": st.lists(st.integers(1, 64), min_size=1, max_size=3).map(tuple),
    "mean": st.sampled_from([1, 3]).flatmap(
        lambda n: st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * n)
    ),
    "turn": st.sampled_from([0, 90]),
    "style": st.sampled_from(["soft", "hard"]),
    "folder": st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8})?", fullmatch=True).map(Path),
    "pair": st.tuples(st.integers(0, 99), st.integers(0, 99)),
    "seed": st.integers(0, 2**31 - 1),
}


def test_only_declared_fields_are_settings() -> None:
    assert [*SAMPLE] == [name for name in Sample.__dataclass_fields__ if name != "plain"]
    assert all(one.name == name and one.default == getattr(Sample(), name) for name, one in SAMPLE.items())
    assert (SAMPLE["as_json"].option, SAMPLE["count"].option, SAMPLE["seed"].help) == ("--json", "--count", "A seed.")


@given(data=st.data(), name=st.sampled_from(sorted(VALUES)))
def test_file_and_command_line_give_the_same_value(data: st.DataObject, name: str) -> None:
    one, value = SAMPLE[name], data.draw(VALUES[name])
    assert checked(one, to_file(one, value)) == value
    assert from_text(one, to_text(one, value)) == value


@given(
    name=st.sampled_from(sorted(SAMPLE)),
    value=st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.integers(0, 70), max_size=4)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
)
def test_any_value_is_stored_or_refused_with_what_is_expected(name: str, value: object) -> None:
    one = SAMPLE[name]
    try:
        stored = checked(one, value)
    except BadInput as error:
        assert str(error).startswith(f"expected {describe(one)}, got ")
    else:
        assert checked(one, to_file(one, stored)) == stored


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("count", 0, "expected a whole number from 1 to 9, got 0"),
        ("count", 10**400, "expected a whole number from 1 to 9, got 1000"),
        ("count", True, "expected a whole number from 1 to 9, got true"),
        ("count", 2.0, "expected a whole number from 1 to 9, got 2"),
        ("share", math.nan, "expected a number from 0 to 1 or 'auto', got nan"),
        ("share", "atuo", "expected a number from 0 to 1 or 'auto', got 'atuo'"),
        ("rate", 0, "expected a number above 0, up to 5, got 0"),
        ("sizes", [], "expected 1 to 3 whole numbers from 1 to 64, got []"),
        ("sizes", [1, 2, 3, 4], "expected 1 to 3 whole numbers from 1 to 64, got [1, 2, 3, 4]"),
        ("sizes", [True], "got [True]"),
        ("mean", [1, 2], "expected 1 or 3 numbers, got [1, 2]"),
        ("mean", [1, 2, math.inf], "expected 1 or 3 numbers, got [1, 2, inf]"),
        ("turn", 45, "expected one of 0, 90, got 45"),
        ("style", "sotf", "expected one of soft, hard, got 'sotf'; did you mean 'soft'?"),
        ("style", ["rtsp://me:secret@10.0.0.7"], "expected one of soft, hard, got a list"),
        ("folder", {"a": "secret"}, "expected a path, got a table"),
        ("pair", "1-2", "expected A+B, got '1-2'"),
        ("pair", "odd", "no pair is called odd"),
        ("as_json", 1, "expected true or false, got 1"),
    ],
)
def test_message_names_what_is_expected_and_what_was_given(name: str, value: object, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        checked(SAMPLE[name], value)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_values_that_only_floats_overflow_are_refused() -> None:
    free = Setting("float", 1.0, "Any.")
    assert checked(free, 10**300) == 1e300
    for value in (10**400, math.inf, -math.inf):
        with pytest.raises(BadInput, match="expected a number, got"):
            checked(free, value)


def test_auto_is_stored_as_none() -> None:
    assert checked(SAMPLE["share"], AUTO) is None
    assert from_text(SAMPLE["share"], AUTO) is None
    assert to_file(SAMPLE["share"], None) == AUTO
    with pytest.raises(BadInput):
        checked(SAMPLE["rate"], AUTO)


@pytest.mark.parametrize(
    ("name", "default", "text"),
    [
        ("count", "3", "A count.  [default: 3; 1 to 9]"),
        ("share", "auto", "A share.  [default: auto; 0 to 1]"),
        ("rate", "the camera's", "A rate.  [default: the camera's; above 0, up to 5]"),
        ("sizes", "8,16", "Sizes.  [default: 8,16; 1 to 64]"),
        ("folder", "", "A folder."),
        ("pair", "1+2", "A pair.  [default: 1+2]"),
        ("check", "", "Check it."),
    ],
)
def test_help_has_default_and_limits(name: str, default: str, text: str) -> None:
    assert default_text(SAMPLE[name]) == default
    assert help_text(SAMPLE[name]) == text


def test_former_key_is_found_with_a_warning() -> None:
    assert by_key(SAMPLE, "nothing") is None
    assert by_key(SAMPLE, "json") is SAMPLE["as_json"]
    with pytest.warns(RenamedSetting, match=r"^a\.toml:3: number is now count$") as caught:
        assert by_key(SAMPLE, "number", "a.toml:3: ") is SAMPLE["count"]
    assert len(caught) == 1


# --- options of the command line


@click.command(cls=GroupedCommand, groups=headings(Sample, More=("loud", "help")))
@setting_options(Sample)
@click.option("--loud", is_flag=True, help="Be loud.")
def command(**values: Any) -> None:
    """Show the values."""
    click.echo(repr(values))


def _given(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return eval(done.stdout, {"PosixPath": Path})


def test_options_have_the_defaults_of_the_record() -> None:
    given = _given()
    assert not given.pop("loud")
    assert Sample(**given) == Sample()


@given(values=st.fixed_dictionaries({}, optional=VALUES))
def test_options_give_the_values_of_the_record(values: dict[str, Any]) -> None:
    arguments = [f"{SAMPLE[name].option}={to_text(SAMPLE[name], value)}" for name, value in values.items()]
    given = _given(*arguments)
    assert {name: given[name] for name in values} == values


def test_flags_can_be_switched_off() -> None:
    given = _given("--json", "--no-json", "--no-check", "-s", "hard")
    assert (given["as_json"], given["check"], given["style"]) == (False, False, "hard")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--count", "many"], "Invalid value for '--count': expected a whole number from 1 to 9, got 'many'"),
        (["--count", "10"], "Invalid value for '--count': expected a whole number from 1 to 9, got 10"),
        (["--rate", "inf"], "expected a number above 0, up to 5, got inf"),
        (["--sizes", "8,x"], "expected 1 to 3 whole numbers from 1 to 64, got '8,x'"),
        (["--styel", "soft"], "--style"),
    ],
)
def test_wrong_option_is_a_usage_error(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


@pytest.mark.parametrize("arguments", [["--number", "5"], ["--number=5"], ["--number", "4", "--number", "5"]])
def test_former_option_still_works_with_one_warning(arguments: list[str]) -> None:
    with pytest.warns(RenamedSetting, match="^--number is now --count$") as caught:
        assert _given(*arguments)["count"] == 5
    assert len(caught) == 1


def test_present_option_gives_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _given("--count", "5")["count"] == 5


def test_help_lists_settings_under_their_headings() -> None:
    text = CliRunner().invoke(command, ["--help"]).output
    assert [line[:-1] for line in text.splitlines() if line[:1].isalpha() and line.endswith(":")] == [
        "Numbers",
        "More",
        "Other",
    ]
    assert "--number" not in text
    assert "--no-json" not in text and "--check / --no-check" in text
    assert "-s, --style [soft|hard]" in text and "--share [X|auto]" in text and "--folder FOLDER" in text


def test_option_can_be_adapted_to_a_command() -> None:
    @click.command()
    @option_of(SAMPLE["count"], default=7, help="How many.")
    def other(count: int) -> None:
        click.echo(count)

    assert CliRunner().invoke(other, []).output == "7\n"
    text = " ".join(CliRunner().invoke(other, ["--help"]).output.split())
    assert "How many. [default: 7; 1 to 9]" in text
