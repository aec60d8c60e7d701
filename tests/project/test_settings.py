"""Settings are declared once: commands, files, service, bundle and SD card show what the records declare."""

from __future__ import annotations

import inspect
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import command_line
import pytest
from edgevision.convert.cli.convert import convert
from edgevision.convert.cli.train import train
from edgevision.convert.keras_files.load_options import LoadOptions
from edgevision.convert.options import ConvertOptions
from edgevision.convert.source_model.preprocessing_options import PreprocessingOptions
from edgevision.convert.training.api import train as train_model
from edgevision.convert.training.config.request import TrainRequest
from edgevision.convert.training.config.settings import TrainSettings
from edgevision.device.cli.run import run
from edgevision.device.loop import api, loop
from edgevision.device.loop.options import Options
from edgevision.device.loop.temporal_filter import TemporalFilter
from edgevision.device.page.address import PageAddress
from edgevision.device.stream.protocols import Predictor
from hypothesis import given, settings
from hypothesis import strategies as st
from locations import ROOT

from edgevision.cli import verbosity
from edgevision.cli.card import card
from edgevision.cli.evaluate import evaluate
from edgevision.cli.setting_options import GroupedCommand, SettingOption
from edgevision.evaluation.api import evaluate as evaluate_model
from edgevision.evaluation.options import EvaluateOptions
from edgevision.files import toml
from edgevision.inspection.card_options import CardOptions
from edgevision.model import Model
from edgevision.settings import AUTO, Setting, checked, from_text, settings_of, to_file, to_text

MADE_BEFORE = ROOT / "tests" / "data" / "made_before"
COMMANDS: list[tuple[click.Command, tuple[type, ...], set[str]]] = [
    # command, its records, its options that are not settings
    (run, (Options,), {"config", "save_config", "verbose"}),
    (convert, (ConvertOptions, LoadOptions, PreprocessingOptions), {"as_json", "quiet", "verbose"}),
    (card, (CardOptions,), {"output", "show", "overwrite", "verbose"}),
    (evaluate, (EvaluateOptions,), {"as_json", "quiet", "verbose"}),
    (train, (TrainSettings, TrainRequest), {"config", "fit_budget", "as_json", "quiet", "verbose"}),
]
for one, _, _ in COMMANDS:
    verbosity.add_option(one)  # as the group of all commands does
LABELS = st.lists(st.sampled_from(["cat", "hot dog", "Bär"]), min_size=1).map(tuple)
SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "size": st.tuples(st.integers(1, 16384), st.integers(1, 16384)),
    "roi": st.tuples(st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0.01, 0.5), st.floats(0.01, 0.5)),
    "page": st.sampled_from([PageAddress("127.0.0.1", 8080), PageAddress("::1", 1), PageAddress("pi.local", 65535)]),
    "camera_name": st.sampled_from(["cam", "front-door_2"]),
    "collect_quota": st.integers(1, 10**15),
    "false_alarms": st.integers(1, 500).map(lambda thousandths: thousandths / 1000),
    "time_s": st.integers(1, 10**6).map(lambda tenths: tenths / 10),
    "track_labels": LABELS,
    "of": LABELS,
    "old_photos": LABELS,
    "engine": st.sampled_from(["auto", "cpu", "edgetpu", "edgetpu:usb:0"]),
}
"""Values of the settings that have a parser of their own."""
IDS = [str(command.name) for command, _, _ in COMMANDS]


def _options(command: click.Command) -> Iterator[click.Option]:
    return (one for one in command.params if isinstance(one, click.Option))


@pytest.mark.parametrize(("command", "records", "others"), COMMANDS, ids=IDS)
def test_every_option_is_that_of_a_declared_setting(
    command: click.Command, records: tuple[type, ...], others: set[str]
) -> None:
    declared = {name: one for record in records for name, one in settings_of(record).items()}
    made = {str(one.name): one for one in _options(command)}
    arguments = {str(one.name) for one in command.params if isinstance(one, click.Argument)}
    assert {name for name, one in declared.items() if one.argument} <= arguments
    assert made.keys() - others == {name for name, one in declared.items() if not one.argument}
    for name in made.keys() - others:
        option = made[name]
        assert isinstance(option, SettingOption)
        assert option.setting == declared[name]
        assert option.default == declared[name].default


@pytest.mark.parametrize(("command", "records", "others"), COMMANDS, ids=IDS)
def test_defaults_and_choices_are_valid_and_have_help(
    command: click.Command, records: tuple[type, ...], others: set[str]
) -> None:
    for record in records:
        for name, one in settings_of(record).items():
            assert one.help.strip().endswith("."), name
            if one.default is not None or one.auto:
                assert checked(one, to_file(one, one.default)) == one.default, name


@pytest.mark.parametrize(("command", "records", "others"), COMMANDS, ids=IDS)
def test_help_lists_every_option_under_a_heading(
    command: click.Command, records: tuple[type, ...], others: set[str]
) -> None:
    assert isinstance(command, GroupedCommand)
    grouped = [name for names in command.groups.values() for name in names]
    assert len(grouped) == len(set(grouped))
    assert {str(one.name) for one in _options(command)} <= {*grouped}
    text = command.get_help(click.Context(command, info_name=f"edgevision {command.name}"))
    shown = [line[:-1] for line in text.splitlines() if line[:1].isalpha() and line.endswith(":")]
    assert shown == [*command.groups]


def _values(one: Setting) -> st.SearchStrategy[Any]:
    """Draw values of a setting as a record stores them."""
    low, high = one.low if one.low is not None else one.above or 0, one.high if one.high is not None else 1e6
    numbers = {
        "int": st.integers(int(low), int(high)),
        "float": st.floats(low, high, exclude_min=one.above is not None),
    }
    drawn: st.SearchStrategy[Any]
    if one.name in SPECIAL:
        drawn = SPECIAL[one.name]
    elif one.choices:
        drawn = st.sampled_from(one.choices)
    elif one.kind in ("ints", "numbers"):
        number = numbers["int" if one.kind == "ints" else "float"]
        drawn = st.sampled_from(one.lengths).flatmap(lambda length: st.tuples(*[number] * length))
    else:
        text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=9)
        text = text.filter(lambda text: text != AUTO)
        drawn = {**numbers, "flag": st.booleans(), "text": text, "path": text.map(Path)}[one.kind]
    return st.none() | drawn if one.auto else drawn


@given(data=st.data())
@pytest.mark.parametrize(
    "one",
    # A table is written differently in a file and on the command line: tests/device/outputs/test_parse.py
    [o for _, records, _ in COMMANDS for record in records for o in settings_of(record).values() if o.kind != "tables"],
    ids=lambda one: one.name,
)
@settings(max_examples=20)
def test_file_and_command_line_give_the_same_value(one: Setting, data: st.DataObject) -> None:
    value = data.draw(_values(one))
    (written,) = tomllib.loads(f"key = {toml.literal(to_file(one, value))}").values()
    assert checked(one, written) == value
    if one.kind != "flag":
        assert from_text(one, to_text(one, value)) == value


@pytest.mark.parametrize(
    ("function", "record"),
    [
        (api.run, Options),
        (loop.run, Options),
        (TemporalFilter, Options),
        (Model.predict, Options),
        (Predictor.predict, Options),
        (train_model, TrainRequest),
        (evaluate_model, EvaluateOptions),
    ],
    ids=lambda one: one.__qualname__,
)
def test_functions_have_the_defaults_of_the_settings(function: Callable[..., Any], record: type) -> None:
    declared, parameters = settings_of(record), inspect.signature(function).parameters
    given = {name: one.default for name, one in parameters.items() if one.default is not one.empty and name in declared}
    assert len(given) >= 2
    for name, default in given.items():
        assert default == declared[name].default or Path(str(default)) == declared[name].default, name


def _edgevision(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return command_line.edgevision(*arguments, cwd=cwd)


def test_run_file_made_before_is_read_with_one_note(tmp_path: Path) -> None:
    old = MADE_BEFORE / "run.toml"
    done = _edgevision("run", "--config", old, "--save-config", "now.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == f"note: {old}:28: frozen is now freeze_timeout"
    assert done.stderr.count("note:") == 1
    assert _content(tmp_path / "now.toml") == {
        "camera": "rtsp://10.0.0.7/live",
        "size": "1280x720",
        "roi": "0.25,0,0.5,1",
        "freeze_timeout": 30.0,
        "top": 3,
        "on_motion": True,
        "collect_quota": "2GB",
    }


def test_device_file_made_before_is_read_with_one_note(tmp_path: Path) -> None:
    old = MADE_BEFORE / "device.toml"
    done = _edgevision("flash", "config", "--check", old, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [f"note: {old}:63: frozen is now freeze_timeout"]
    assert "freeze_timeout  30" in done.stdout


def test_training_file_made_before_is_read_with_one_note_for_each_old_key(tmp_path: Path) -> None:
    old = MADE_BEFORE / "config.toml"
    done = _edgevision("train", tmp_path / "nothing", "--config", old, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[:-1] == [
        f"note: {old}:46: rate is now learning_rate",
        f"note: {old}:60: copies is now augment_copies",
    ]


def test_former_option_gives_one_note_unless_quiet(tmp_path: Path) -> None:
    given = ("run", "--frozen", "3", "--save-config", "run.toml", "--overwrite")
    done = _edgevision(*given, cwd=tmp_path)
    assert done.stderr.splitlines()[0] == "note: --frozen is now --freeze-timeout"
    assert done.stderr.count("note:") == 1
    assert _content(tmp_path / "run.toml") == {"freeze_timeout": 3.0}
    assert "note:" not in _edgevision(*given, "--quiet", cwd=tmp_path).stderr


def _content(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
