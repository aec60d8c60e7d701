"""Training settings: one table for options and config.toml, and messages with file, line and the nearest name."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from edgevision.convert.cli.train import train
from edgevision.convert.training.config import config_file, duration
from edgevision.convert.training.config.augmentation import PRESETS, Augmentation
from edgevision.convert.training.config.settings import SETTINGS, TrainSettings
from edgevision.convert.training.network.backbones import BACKBONES
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput, MissingFile, RenamedSetting


def _written(tmp_path: Path, settings: TrainSettings, old: str = "", new: str = "") -> Path:
    path = tmp_path / "config.toml"
    text = config_file.dumps(settings, "photos")
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else text)
    return path


def test_defaults_survive_a_round_trip_through_the_file(tmp_path: Path) -> None:
    values, photos = config_file.read(_written(tmp_path, TrainSettings()))
    assert TrainSettings(**values) == TrainSettings()
    assert photos == "photos"
    assert set(values) == {field.name for field in fields(TrainSettings)}


VALUES = {
    "int": st.integers(8, 64),
    "float": st.floats(0.1, 0.9),
    "flag": st.booleans(),
    "text": st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=30).filter(
        lambda text: text != "auto"
    ),
    "texts": st.lists(st.text("ab/ .-é", min_size=1, max_size=30), min_size=1, max_size=3).map(tuple),
    "ints": st.lists(st.integers(1, 512), min_size=1, max_size=8).map(tuple),
}


SPECIAL = {
    "cell_size": st.integers(4, 32),
    "channels": st.sampled_from((1, 3)),
    "time_s": st.floats(1.0, 1e6).map(lambda x: round(x, 6)),
    "false_alarms": st.integers(1, 500).map(lambda thousandths: thousandths / 1000),
}
"""Settings with limits of their own, or parsed from a text."""


@st.composite
def _settings(draw: st.DrawFn) -> TrainSettings:
    chosen = {}
    for name, option in SETTINGS.items():
        kind = st.sampled_from(option.choices) if option.kind == "choice" else SPECIAL.get(name) or VALUES[option.kind]
        chosen[name] = draw(st.none() | kind if option.auto else kind)
    return TrainSettings(**chosen)


@given(settings=_settings())
def test_any_settings_survive_a_round_trip_through_the_file(
    settings: TrainSettings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(config_file.dumps(settings, None), encoding="utf-8")
    values, photos = config_file.read(path)
    assert TrainSettings(**values) == settings
    assert photos is None


@given(text=st.text(max_size=200))
def test_any_file_is_read_or_rejected_with_its_path(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        values, _ = config_file.read(path)
    except BadInput as error:
        assert str(path) in str(error)
    else:
        TrainSettings(**values)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("dropout = 0.2", "dropuot = 0.2", "no setting 'dropuot' in [model]; did you mean 'dropout'?"),
        ("[model]", "[modle]", "no section [modle]; did you mean 'model'?"),
        ("seed = 0", "seed = -1", "seed: expected a whole number from 0 to 2147483647, got -1"),
        ("seed = 0", "seed = true", "got true"),
        ('cache = "auto"', 'cache = "memroy"', "did you mean 'memory'?"),
        ("strict = false", "alpha = 1.0", "no setting 'alpha' in [data]; it belongs in [model]"),
        ("cnn_filters = [32, 64, 128]", "cnn_filters = [0]", "expected 1 to 8 whole numbers from 1 to 4096, got [0]"),
    ],
)
def test_mistake_in_the_file_is_reported_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = _written(tmp_path, TrainSettings(), old, new)
    line = path.read_text().splitlines().index(next(row for row in path.read_text().splitlines() if new in row)) + 1
    with pytest.raises(BadInput) as caught:
        config_file.read(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)


def test_broken_or_missing_toml_file_raises(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[model\nbackbone = 3")
    with pytest.raises(BadInput, match=r"config\.toml:1: "):
        config_file.read(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not a text file"):
        config_file.read(path)
    with pytest.raises(MissingFile):
        config_file.read(tmp_path / "none.toml")


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("10min", 600), ("1.5 h", 5400), ("0.5s", 0.5)])
def test_duration_is_read_and_written(text: str, seconds: float) -> None:
    assert duration.parse(text) == seconds
    assert duration.parse(duration.unparse(seconds)) == seconds


@pytest.mark.parametrize("text", ["10", "10 minutes", "-1s", "0s", "1e3s", "", "99999999h"])
def test_bad_duration_is_one_line(text: str) -> None:
    done = CliRunner().invoke(train, ["x", f"--time={text}"])
    assert done.exit_code == 2
    assert "expected a time" in " ".join(done.output.split())


def test_every_backbone_is_a_choice() -> None:
    assert SETTINGS["backbone"].choices == ("auto", *BACKBONES)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x", "--epochs", "many"], "expected a whole number from 0 to 10000 or 'auto', got 'many'"),
        (["x", "--backbone", "mobilenet_v4"], "did you mean 'mobilenet_v"),
        (["x", "--zoom", "2"], "expected a number from 0 to 0.9 or 'auto', got 2"),
        (["x", "--batchsize", "3"], "--batch-size"),
    ],
)
def test_options_are_validated_like_the_file(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(train, arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


def test_individual_augment_settings_override_the_preset() -> None:
    settings = TrainSettings(augment="light", rotation=0.0, noise=0.1)
    assert settings.augmentation_or("strong") == replace(PRESETS["light"], rotation=0.0, noise=0.1)
    assert TrainSettings(flip="none").augmentation_or("strong") == replace(PRESETS["strong"], flip="none")
    assert not TrainSettings(augment="none").augmentation_or("light")
    assert TrainSettings(augment="none", flip="both").augmentation_or("light") == Augmentation(flip="both")


def test_former_keys_are_read_with_a_note(tmp_path: Path) -> None:
    text = config_file.dumps(TrainSettings(learning_rate=0.5, augment_copies=3))
    path = tmp_path / "config.toml"
    path.write_text(text.replace("learning_rate", "rate").replace("augment_copies", "copies"))
    with pytest.warns(RenamedSetting) as caught:
        values, _ = config_file.read(path)
    assert (values["learning_rate"], values["augment_copies"]) == (0.5, 3)
    line = path.read_text().splitlines().index("rate = 0.5") + 1
    assert [str(one.message) for one in caught] == [
        f"{path}:{line}: rate is now learning_rate",
        f"{path}:{path.read_text().splitlines().index('copies = 3') + 1}: copies is now augment_copies",
    ]
