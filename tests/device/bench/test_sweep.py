"""Tests of ``bench sweep`` (models with random weights) and of ``train --fit-budget``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench_files import file, result
from documents import parse
from edgevision.device.bench import sweep

from edgevision import open_model
from edgevision.cli.main import main
from edgevision.errors import BadInput, MissingDependency
from edgevision.model_file import model_file


def network(name: str, alpha: float, size: int, p95_ms: float, valid: bool = True) -> dict[str, Any]:
    found = result(f"{name} {alpha} {size}", p95_ms / 1.02)
    return found | {"valid": valid, "model": {"network": {"name": name, "alpha": alpha, "image_size": size}}}


@pytest.fixture
def board(tmp_path: Path) -> Path:
    return file(
        tmp_path / "board.json",
        network("mobilenet_v2", 0.35, 96, 5.0),
        network("mobilenet_v2", 0.5, 160, 20.0),
        network("mobilenet_v2", 1.0, 224, 60.0),
        network("mobilenet_v2", 0.75, 192, 29.0, valid=False),
        result("something else", 25.0),
    )


@pytest.mark.tensorflow
@pytest.mark.parametrize(("budget", "alpha", "size"), [("30ms", 0.5, 160), ("0.1s", 1.0, 224), ("5.1 ms", 0.35, 96)])
def test_largest_network_within_the_budget_is_proposed(board: Path, budget: str, alpha: float, size: int) -> None:
    from edgevision.convert.training.network.latency_budget import propose

    found = propose(f"{budget}@{board}")
    assert (found.backbone, found.alpha, found.image_size) == ("mobilenet_v2", alpha, size)
    assert "Raspberry Pi 4" in found.reason


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("option", "code", "said"),
    [
        ("30ms", 1, "is not a latency budget; use the form 30ms@board.json"),
        ("0ms@BOARD", 1, "is not a latency budget"),
        ("30ms@absent.json", 1, "benchmark not found: absent.json"),
        ("1ms@BOARD", 1, "the fastest, mobilenet_v2 0.35 96, has a p95 latency of 5.00 ms"),
    ],
)
def test_impossible_budget_fails_with_one_line(
    option: str, code: int, said: str, board: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", str(tmp_path), "--fit-budget", option.replace("BOARD", str(board))])
    assert ended.value.code == code
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


@pytest.mark.tensorflow
def test_budget_excludes_network_options(board: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", str(tmp_path), "--fit-budget", f"30ms@{board}", "--alpha", "1.0"])
    assert ended.value.code == 2
    assert "omit --alpha" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["train", str(tmp_path / "absent"), "--fit-budget", f"30ms@{board}", "--weights", "none"])
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert "note: mobilenet_v2 0.5, 160 px: p95 latency 20.0 ms" in said
    assert "absent" in said


def test_combinations_are_unique() -> None:
    assert sweep.networks(["mobilenet_v2", "cnn"], [0.35, 1.0], [96, 64]) == [
        "mobilenet_v2:0.35:96", "mobilenet_v2:0.35:64", "mobilenet_v2:1:96", "mobilenet_v2:1:64", "cnn:1:96", "cnn:1:64",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return a CNN and a MobileNet with random weights for 32 px, made in a child process."""
    done: list[int] = []
    found = sweep.make(["cnn:1:32", "mobilenet:0.25:32"], 7, tmp_path_factory.mktemp("made"), done.append)
    assert done == [1, 2]
    return found


@pytest.mark.tensorflow
def test_networks_with_random_weights_run(made: list[Path]) -> None:
    for path in made:
        with open_model(path, threads=1) as model:
            assert (model.preprocessing.width, len(model.card.labels), model.engine.inputs[0].dtype) == (
                32,
                7,
                "uint8",
            )
    card = model_file.read(made[1]).card
    assert card is not None
    assert card.training == {"backbone": {"name": "mobilenet", "alpha": 0.25, "image_size": 32, "weights": "random"}}


@pytest.mark.tensorflow
def test_invalid_network_is_rejected(tmp_path: Path) -> None:
    from edgevision.convert.sweep import choice, make

    with pytest.raises(BadInput, match="did you mean"):
        sweep.make(["mobilnet:1:96"], 2, tmp_path)
    # Not in a child process, which would import TensorFlow again.
    with pytest.raises(BadInput, match="multiple of 32"):
        make(choice("mobilenet_v2:1:100"), 2, tmp_path)


def test_missing_tensorflow_names_the_alternative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "MAKER", "edgevision.no_such_module")
    with pytest.raises(MissingDependency, match="--models-only"):
        sweep.make(["cnn:1:32"], 2, tmp_path)


@pytest.mark.tensorflow
@pytest.mark.slow
def test_models_only_for_a_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--backbones", "cnn", "--sizes", "32", "--models-only", "--models", str(tmp_path / "models")]
    with pytest.raises(SystemExit) as ended:
        main(["bench", "sweep", *options, "--runs", str(tmp_path)])
    assert ended.value.code == 0
    assert (tmp_path / "models/cnn_1_32.tflite").exists()
    assert "edgevision bench *.tflite" in capsys.readouterr().out
    assert parse((tmp_path / "bench-1/run.json").read_text(), "run_folder")["outputs"] == ["cnn_1_32.tflite"]
    with pytest.raises(SystemExit) as ended:
        main(["bench", "sweep", *options, "--json"])
    assert ended.value.code == 2


@pytest.mark.tensorflow
def test_sweep_measures_the_networks(
    made: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[object] = []

    def copied(specs: list[str], classes: int, folder: Path, step: Callable[[int], None]) -> list[Path]:
        asked.extend((specs, classes))
        step(1)
        return [Path(shutil.copy(made[0], folder))]

    monkeypatch.setattr(sweep, "make", copied)
    options = ["--backbones", "cnn", "--alphas", "1", "--sizes", "32", "--threads", "1", "--seconds", "1"]
    with pytest.raises(SystemExit) as ended:
        main(["bench", "sweep", *options, "--runs", str(tmp_path), "--json", "--quiet"])
    assert ended.value.code in (0, 3)
    assert asked == [["cnn:1:32"], 10]
    (found,) = parse(capsys.readouterr().out, "bench")["results"]
    assert found["model"]["network"] == {"name": "cnn", "alpha": 1.0, "image_size": 32}
