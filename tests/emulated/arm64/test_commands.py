"""The device commands work in the arm64 userland: run, evaluate, inspect, cameras, doctor."""

from __future__ import annotations

from pathlib import Path

from documents import parse, parse_lines

from .userland import Userland


def _model(place: Path, userland: Userland) -> str:
    """Return the tiny model with a model card, written by the userland's own edgevision."""
    path = place / f"colours-{userland.name}.tflite"
    if not path.exists():
        card = ("card", userland.inside(place / "bare.tflite"), "--resize", "stretch", "--labels")
        userland.edgevision(*card, userland.inside(place / "labels.txt"), "-o", userland.inside(path))
    return userland.inside(path)


def test_run_on_a_folder(userland: Userland, place: Path) -> None:
    photos = userland.inside(place / "photos" / "green")
    done = userland.edgevision("run", _model(place, userland), "--source", photos, "--json")
    frames = parse_lines(done.stdout)
    assert [frame["type"] for frame in frames] == ["frame"] * 4
    assert {frame["labels"][0]["name"] for frame in frames} == {"green"}


def test_run_on_a_video_with_a_summary(userland: Userland, place: Path) -> None:
    summary = place / f"summary-{userland.name}.json"
    film = userland.inside(place / "film.avi")
    command = ("run", _model(place, userland), "--source", film, "--json", "--summary", userland.inside(summary))
    done = userland.edgevision(*command)
    names = [line["labels"][0]["name"] for line in parse_lines(done.stdout)]
    assert names == ["red"] * 4 + ["green"] * 4 + ["blue"] * 4
    said = parse(summary.read_text(), "run")
    assert (said["frames"], said["dropped"], said["stopped_by"]) == (12, 0, "end")
    assert said["engine"]["runtime"] == ("tflite-runtime" if userland.name == "tflite-runtime" else "litert")


def test_run_on_a_live_source(userland: Userland, place: Path) -> None:
    done = userland.edgevision("run", _model(place, userland), "--camera", "test:", "--json", "--limit", "5")
    assert [line["type"] for line in parse_lines(done.stdout)] == ["frame"] * 5


def test_evaluate(userland: Userland, place: Path) -> None:
    said = userland.json("evaluate", _model(place, userland), userland.inside(place / "photos"))
    assert (said["accuracy"]["correct"], said["accuracy"]["total"]) == (12, 12)


def test_inspect_reports_that_the_model_runs_here(userland: Userland, place: Path) -> None:
    said = userland.json("inspect", _model(place, userland))
    assert said["runs_here"]["ok"], said["runs_here"]


def test_cameras_without_a_camera(userland: Userland) -> None:
    assert userland.json("cameras")["schema"] == "edgevision.cameras/1"


def test_error_is_one_line(userland: Userland) -> None:
    done = userland.edgevision("run", "/nowhere.tflite", "--camera", "test:", code=1)
    assert len(done.stderr.strip().splitlines()) == 1


def test_doctor_recognizes_the_machine(userland: Userland) -> None:
    said = {check["name"]: check for check in userland.json("doctor")["checks"]}
    assert "arm" in said["board"]["found"].lower() or "aarch64" in said["board"]["found"]
    wanted = "tflite-runtime" if userland.name == "tflite-runtime" else "LiteRT"
    assert said[wanted]["ok"]
    assert said["numpy"]["found"].startswith("2." if userland.name == "newest" else "1.")
