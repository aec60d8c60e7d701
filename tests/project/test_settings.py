"""Settings are declared once: commands, files, service, bundle and SD card show what the records declare."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
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
from edgevision.device.loop.api import run as run_loop
from edgevision.device.loop.options import Options
from locations import ROOT

from edgevision.cli import verbosity
from edgevision.cli.card import card
from edgevision.cli.evaluate import evaluate
from edgevision.cli.setting_options import GroupedCommand, SettingOption
from edgevision.evaluation.api import evaluate as evaluate_model
from edgevision.evaluation.options import EvaluateOptions
from edgevision.inspection.card_options import CardOptions
from edgevision.settings import settings_of

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
    from edgevision.settings import checked, to_file

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


@pytest.mark.parametrize(
    ("function", "record"), [(run_loop, Options), (train_model, TrainRequest), (evaluate_model, EvaluateOptions)]
)
def test_public_functions_have_the_defaults_of_the_settings(function: Callable[..., Any], record: type) -> None:
    declared, parameters = settings_of(record), inspect.signature(function).parameters
    given = {name: one.default for name, one in parameters.items() if one.default is not one.empty and name in declared}
    assert len(given) >= 4
    for name, default in given.items():
        assert default == declared[name].default or Path(str(default)) == declared[name].default, name


def _edgevision(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgevision", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)


def test_run_file_made_before_is_read_with_one_note(tmp_path: Path) -> None:
    old = MADE_BEFORE / "run.toml"
    done = _edgevision("run", "--config", old, "--save-config", "now.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == f"note: {old}:28: frozen is now freeze_timeout"
    assert done.stderr.count("note:") == 1
    assert _values(tmp_path / "now.toml") == {
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
    assert _values(tmp_path / "run.toml") == {"freeze_timeout": 3.0}
    assert "note:" not in _edgevision(*given, "--quiet", cwd=tmp_path).stderr


def _values(path: Path) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(path.read_text(encoding="utf-8"))
