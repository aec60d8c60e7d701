"""What a command proposes as the next one runs as it is printed, on a machine with a camera and on one without."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from edgevision import default_model, next_command, open_model
from edgevision.cli.main import main
from edgevision.next_command import run_command, shown_source

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working folder on a machine without a camera, with photos of two classes of the default model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(next_command, "has_camera", lambda: False)
    monkeypatch.setattr("edgevision.device.loop.end_report.has_camera", lambda: False)
    for number, name in enumerate(open_model(default_model.path()).card.labels[:2]):
        draw(tmp_path / "my photos" / name, 100 * number)
    return tmp_path


def draw(folder: Path, seed: int, count: int = 3) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        noise = np.random.default_rng(seed + number).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), noise)


def proposed(shown: Shown, *words: str) -> str:
    """Run a command and return the line that it proposes."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    out, err = shown.readouterr()
    assert not ended.value.code, err
    found = re.findall(r"(?im)^next: (.*)$", out + err)
    assert found, out + err
    return str(found[-1])


def run_line(shown: Shown, line: str, *more: str) -> str:
    """Run a proposed line and return what it proposes in turn."""
    words = shlex.split(line)
    assert words[0] == "edgevision", line
    return proposed(shown, *words[1:], *more)


MODEL = str(default_model.path())


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", MODEL),
        ("evaluate", MODEL, "my photos"),
        ("card", MODEL, "-o", "with a space.tflite"),
        ("run", MODEL, "--source", "my photos"),
        ("run", MODEL, "--source", "test:", "--limit", "2"),
        ("run", MODEL, "--source", "my photos", "--state", "taught here"),
    ],
    ids=["inspect", "evaluate", "card", "run on photos", "run on a pattern", "run with a state"],
)
def test_proposed_run_works_without_a_camera(words: tuple[str, ...], here: Path, capfd: Shown) -> None:
    line = proposed(capfd, *words)
    assert "--camera" not in line and ("--state" in words) == ("--state" in line)
    again = run_line(capfd, line, "--limit", "2")
    run_line(capfd, again, "--limit", "2", "--overwrite")


def test_taught_class_is_run_with_its_state(here: Path) -> None:
    from edgevision.device.cli.teach import _next

    teacher: Any = SimpleNamespace(model=SimpleNamespace(path=Path("m.tflite")))
    given = {"state": Path("taught here"), "camera": None}
    assert _next(teacher, given) == "edgevision run m.tflite --source test: --state 'taught here'"
    assert _next(teacher, {"state": None, "camera": "1"}) == "edgevision run m.tflite --camera 1"


def test_threshold_that_negatives_suggest_is_stored_by_the_printed_line(here: Path, capfd: Shown) -> None:
    draw(here / "other things", 900, 5)
    Path("m.tflite").write_bytes(default_model.path().read_bytes())
    with pytest.raises(SystemExit):
        main(["evaluate", "m.tflite", "my photos", "--negatives", "other things"])
    (line,) = re.findall(r'(?m)^to answer "unknown" below [0-9.]+: (.*)$', capfd.readouterr().out)
    again = run_line(capfd, line)
    assert "m-unknown.tflite" in again and open_model("m-unknown.tflite").card.threshold is not None


def test_camera_is_proposed_where_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(next_command, "has_camera", lambda: True)
    assert run_command("m.tflite", images=tmp_path) == "edgevision run m.tflite --camera 0"
    monkeypatch.setattr(next_command, "has_camera", lambda: False)
    assert run_command("m x.tflite", images=tmp_path) == f"edgevision run 'm x.tflite' --source {tmp_path}"
    assert run_command("m.tflite", images=tmp_path / "photos.zip") == "edgevision run m.tflite --source test:"


def test_proposed_source_hides_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a#b").mkdir()
    assert shown_source("a#b") == "a#b"
    assert "secret" not in shown_source("rtsp://me:secret@camera/1")


def one_class(folder: Path) -> Path:
    draw(folder / "cup", 0)
    return folder


def single_photos(folder: Path) -> Path:
    draw(folder / "cup", 0)
    draw(folder / "pen", 9, 1)
    return folder


@pytest.mark.parametrize("make", [one_class, single_photos])
def test_data_check_proposes_no_training_that_would_fail(
    make: Callable[[Path], Path], tmp_path: Path, capfd: Shown
) -> None:
    line = proposed(capfd, "data", "check", str(make(tmp_path / "p")))
    assert line.startswith("not ready to train: ") and "add" in line


def test_data_check_repeats_the_label_map(tmp_path: Path, capfd: Shown) -> None:
    draw(tmp_path / "p" / "a", 0)
    draw(tmp_path / "p" / "b", 50)
    table = tmp_path / "names of labels.csv"
    table.write_text("a,cup\nb,pen\n")
    line = proposed(capfd, "data", "check", str(tmp_path / "p"), "--label-map", str(table))
    assert line == f"edgevision train {tmp_path / 'p'} --label-map '{table}'"


@pytest.mark.tensorflow
@pytest.mark.parametrize("kind", ["folder", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("csv", "zip"))])
def test_photos_to_the_running_model_by_proposed_commands(kind: str, here: Path, capfd: Shown) -> None:
    """From data check to run, only by what each command proposes."""
    pytest.importorskip("tensorflow", reason="needs the convert extra: pip install 'edgevision[convert]'")
    photos = here / "two classes"
    for number, name in enumerate(("cup", "pen")):
        draw(photos / name, 100 * number, 14)
    if kind == "csv":
        rows = [f"{path.relative_to(photos)},{path.parent.name}\n" for path in sorted(photos.rglob("*.png"))]
        (photos / "labels.csv").write_text("filename,class\n" + "".join(rows))
        photos /= "labels.csv"
    elif kind == "zip":
        import shutil

        photos = Path(shutil.make_archive(str(here / "two classes"), "zip", photos))
    line = proposed(capfd, "data", "check", str(photos))
    small = ("--backbone", "cnn", "--image-size", "16", "--cnn-filters", "4,8", "--epochs", "1", "--weights", "none")
    line = run_line(capfd, line, *small)
    assert line.startswith("edgevision convert")
    line = run_line(capfd, line, "--effort", "none")
    assert line.startswith("edgevision run")
    run_line(capfd, line, "--limit", "2")
    line = proposed(capfd, "evaluate", "runs/train-1", str(photos))
    run_line(capfd, line, "--effort", "none")
