"""Tests of ``edgevision run`` in a separate process, with real files, pipes and signals."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from changed_model import without_evidence
from command_line import edgevision
from documents import parse, parse_lines

from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame

COLOURS_BGR = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, which classifies red, green and blue, with a model card."""
    file = model_file.read(data / "tiny.tflite")
    spec = file.inputs[0]
    path = tmp_path_factory.mktemp("model") / "colors.tflite"
    rule = Preprocessing(spec.shape[2], spec.shape[1], mean=(float(spec.zero_point),), std=(1 / spec.scale,))
    model_file.write(path, file.flatbuffer, ModelCard("colors", "classification", rule, tuple(COLOURS_BGR)))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three images and a corrupt one."""
    path = tmp_path_factory.mktemp("pictures")
    for name, colour in COLOURS_BGR.items():
        (path / f"{name}.png").write_bytes(decode.encode_png(Frame(np.full((30, 40, 3), colour, np.uint8), "BGR")))
    (path / "damaged.jpg").write_bytes(b"\xff\xd8\xff and no more")
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 30 frames: 10 red, 10 green, 10 blue."""
    path = tmp_path_factory.mktemp("film") / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for colour in COLOURS_BGR.values():
        for _ in range(10):
            writer.write(np.full((48, 64, 3), colour, np.uint8))
    writer.release()
    return path


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "edgevision", "run", *map(str, args)]


def run(*args: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return edgevision("run", *args, cwd=cwd)


def records(text: str) -> list[dict[str, object]]:
    return parse_lines(text)


def top(record: dict[str, object]) -> str:
    return record["labels"][0]["name"]  # type: ignore[index]


def test_folder_prints_a_line_for_every_image(model: Path, folder: Path) -> None:
    done = run(model, "--source", folder, "--json")
    assert done.returncode == 0, done.stderr
    lines = records(done.stdout)
    assert [line["type"] for line in lines] == ["frame", "error", "frame", "frame"]
    assert [Path(str(line["source"])).stem for line in lines] == ["blue", "damaged", "green", "red"]
    assert all(top(line) == Path(str(line["source"])).stem for line in lines if line["type"] == "frame")
    assert "3 frames in" in done.stderr
    assert "1 error" in done.stderr
    assert "next: edgevision run" in done.stderr


def test_video_has_positions_and_no_dropped_frames(model: Path, film: Path) -> None:
    done = run(model, "--source", film, "--json", "--top", 1)
    lines = records(done.stdout)
    assert [top(line) for line in lines] == ["red"] * 10 + ["green"] * 10 + ["blue"] * 10
    assert [line["position_s"] for line in lines] == pytest.approx([i / 10 for i in range(30)], abs=1e-3)
    assert all(line["dropped"] == 0 and line["age_ms"] is None and line["captured_at"] is None for line in lines)
    assert lines[0]["stages_ms"]["write"] is None  # type: ignore[index]
    assert all(value is not None for value in lines[1]["stages_ms"].values())  # type: ignore[attr-defined]


def test_h264_video(model: Path, tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="PyAV writes the video; OpenCV's wheels cannot")
    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for colour in COLOURS_BGR.values():
            for _ in range(10):
                picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), colour, np.uint8), format="bgr24")
                container.mux(stream.encode(picture))
        container.mux(stream.encode())
    lines = records(run(model, "--source", tmp_path / "film.mp4", "--json", "--top", 1).stdout)
    assert [top(line) for line in lines] == ["red"] * 10 + ["green"] * 10 + ["blue"] * 10
    assert [line["position_s"] for line in lines] == pytest.approx([i / 10 for i in range(30)], abs=1e-3)


def test_video_events_are_in_order(model: Path, film: Path) -> None:
    lines = records(run(model, "--source", film, "--json", "--events", "--smooth", 3, "--quiet").stdout)
    events = [line for line in lines if line["type"] == "event"]
    assert [event["event"] for event in events] == ["entered", "changed", "changed", "left"]
    assert [event["label"]["name"] for event in events] == ["red", "green", "blue", "blue"]  # type: ignore[index]
    assert [event.get("before", {}).get("name") for event in events] == [None, "red", "green", None]  # type: ignore[attr-defined]
    # A color wins the mean of three frames once it was seen twice; no label enters before the third frame.
    assert [event["index"] for event in events] == [2, 11, 21, 29]
    assert [event["duration_s"] for event in events] == [
        None,
        pytest.approx(0.9),
        pytest.approx(1.0),
        pytest.approx(0.8),
    ]


def test_quiet_run_collects_what_enters_too(model: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    noise = np.random.default_rng(0).integers(-40, 40, (6, 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
    for color in COLOURS_BGR.values():
        for _ in range(5):
            writer.write(np.clip(np.array(color) + noise, 0, 255).astype(np.uint8))
    writer.release()
    assert run(model, "--source", film, "--collect", tmp_path / "seen", "--quiet").returncode == 0
    assert {path.name for path in (tmp_path / "seen").iterdir()} - {"_unsure"} == set(COLOURS_BGR)


def test_unread_events_do_not_block_the_loop(model: Path, tmp_path: Path) -> None:
    """stderr is open but never read, and gets more events than fit into a pipe."""
    film = tmp_path / "flicker.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for index in range(600):
        writer.write(np.full((48, 64, 3), list(COLOURS_BGR.values())[index % 3], np.uint8))
    writer.release()
    reader, full = os.pipe()
    with subprocess.Popen(command(model, "--source", film, "--json"), stdout=subprocess.PIPE, stderr=full) as child:
        os.close(full)
        assert child.stdout is not None
        found = [line for line in child.stdout if b'"frame"' in line]
        os.read(reader, 1 << 20)  # makes room for the final messages
        os.set_blocking(reader, False)
        while child.poll() is None:
            with contextlib.suppress(BlockingIOError):
                os.read(reader, 1 << 20)
        assert child.returncode == 0
    os.close(reader)
    assert len(found) == 600


def test_single_images_have_no_events_by_default(model: Path, folder: Path) -> None:
    assert "entered" not in run(model, "--source", folder, "--json").stderr
    asked = records(run(model, "--source", folder, "--json", "--events").stdout)
    assert [line["event"] for line in asked if line["type"] == "event"] == ["entered", "changed", "changed", "left"]


def test_on_motion_skips_still_frames(model: Path, film: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    lines = records(run(model, "--source", film, "--json", "--on-motion", "--summary", path).stdout)
    assert [(line["index"], top(line), line["still"]) for line in lines] == [
        (0, "red", 0),
        (10, "green", 9),
        (20, "blue", 18),
    ]
    summary = parse(path.read_text(), "run")
    assert (summary["frames"], summary["still"]) == (3, 27)


def test_test_camera_is_live(model: Path) -> None:
    done = run(model, "--camera", "test:", "--limit", 5, "--json")
    lines = records(done.stdout)
    assert len(lines) == 5
    assert "source: test: (a moving test pattern, 640x480 at 30 frames/s)" in done.stderr
    for line in lines:
        assert (line["source"], line["width"], line["height"]) == ("test:", 640, 480)
        assert line["age_ms"] is not None
        assert line["captured_at"] is not None


def test_text_lines_without_a_terminal(model: Path, folder: Path) -> None:
    done = run(model, "--source", folder / "red.png", "--quiet")
    assert done.returncode == 0
    assert done.stdout.startswith(f"{folder}/red.png: red ")
    assert done.stderr == ""


def test_score_below_the_threshold_is_unknown(model: Path, folder: Path) -> None:
    assert (
        run(model, "--source", folder / "red.png", "--threshold", 1, "--quiet").stdout == f"{folder}/red.png: unknown\n"
    )
    (line,) = records(run(model, "--source", folder / "red.png", "--threshold", 1, "--json").stdout)
    assert line["labels"] == []


def test_newest_converted_model_is_used(model: Path, folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "runs" / "convert-1"
    home.mkdir(parents=True)
    (home / "colors.tflite").write_bytes(model.read_bytes())
    done = run("--source", folder / "red.png", cwd=tmp_path)
    assert done.returncode == 0
    assert "model: runs/convert-1/colors.tflite (colors, 3 labels)" in done.stderr


def test_summary_is_written_and_not_overwritten(model: Path, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    assert run(model, "--source", folder, "--summary", path, "--quiet").returncode == 0
    value = parse(path.read_text(), "run")
    assert value["schema"] == "edgevision.run/1"
    assert (value["frames"], value["errors"], value["dropped"], value["stopped_by"]) == (3, 1, 0, "end")
    assert value["model"]["name"] == "colors"
    assert value["model"]["sha256"] == model_file.read(model).sha256
    assert value["engine"]["used"] == "cpu"
    assert value["engine"]["threads"] >= 1
    (sink,) = value["sinks"]
    assert (sink["spec"], sink["written"], sink["dropped"], sink["errors"], sink["message"]) == ("text", 3, 0, 0, None)
    assert value["first_prediction_ms"] > 0
    assert value["memory_mb"]["peak"] >= value["memory_mb"]["end"] > 10
    again = run(model, "--source", folder, "--summary", path)
    assert (again.returncode, again.stdout) == (1, "")
    assert "exists" in again.stderr
    assert run(model, "--source", folder, "--summary", path, "--overwrite", "--limit", 1).returncode == 0
    assert parse(path.read_text(), "run")["stopped_by"] == "limit"


def test_lost_camera_is_an_event_and_exit_code_1(model: Path) -> None:
    done = run(model, "--camera", "fake:ok*2,lost", "--json", "--events")
    assert done.returncode == 1
    lines = records(done.stdout)
    assert [line.get("event", line["type"]) for line in lines] == ["frame", "entered", "frame", "camera_lost", "left"]
    assert done.stderr.splitlines()[-1].startswith("edgevision: error: fake:ok*2,lost is lost")
    quiet = run(model, "--camera", "fake:ok*2,lost", "--json")
    assert [line["type"] for line in records(quiet.stdout)] == ["frame", "frame"]
    assert '"event":"camera_lost"' in quiet.stderr


def test_no_readable_image_is_exit_code_1(model: Path, tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(b"hello")
    (tmp_path / "two.jpg").write_bytes(b"hello")
    done = run(model, "--source", tmp_path, "--json")
    assert done.returncode == 1
    assert [line["type"] for line in records(done.stdout)] == ["error", "error"]
    assert "no frame of" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("live", [True, False])
def test_closed_stdout_is_not_an_error(model: Path, live: bool) -> None:
    spec = "test:" if live else "test:fast"
    with subprocess.Popen(
        command(model, "--source", spec, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert parse(child.stdout.readline(), "run_line")["type"] == "frame"
        child.stdout.close()
        errors = child.stderr.read()
        assert child.wait(60) == 0, errors
    assert "stopped by: end" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
@pytest.mark.parametrize("spec", ["test:", "test:fast"])
def test_signals_end_the_run_with_a_summary(
    model: Path, tmp_path: Path, number: signal.Signals, code: int, spec: str
) -> None:
    path = tmp_path / "run.json"
    args = command(model, "--source", spec, "--json", "--summary", path)
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.send_signal(number)
        output = child.stdout.read()
        errors = child.stderr.read()
        assert child.wait(60) == code, errors
    assert "stopped by: signal" in errors
    assert parse(path.read_text(), "run")["stopped_by"] == "signal"
    records(output)  # all of them are whole


def test_sigterm_ends_a_run_blocked_on_stdout(model: Path) -> None:
    """A loop over a file that waits for a full, unread pipe must still end."""
    reader, writer = os.pipe()
    with subprocess.Popen(
        command(model, "--source", "test:32x16@fast", "--json"), stdout=writer, stderr=subprocess.PIPE, text=True
    ) as child:
        os.close(writer)
        assert child.stderr is not None
        while "source:" not in (line := child.stderr.readline()):
            assert line, "the command ended before it read anything"
        os.read(reader, 1)
        child.send_signal(signal.SIGTERM)
        errors = child.stderr.read()
        assert child.wait(60) == 0, errors
    os.close(reader)
    assert "stopped by: signal" in errors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_failed_output_is_exit_code_1(model: Path, folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command(model, "--source", folder, "--json"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 1
    assert "output_down" in done.stderr
    assert "No space left" in done.stderr
    assert "writing to the json output failed" in done.stderr.splitlines()[-1]


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("edgevision: error: ")
    return line


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--camera", "99"], 1, "--camera test:"),
        (["--camera", "/dev/video987"], 1, "camera /dev/video987 not found"),
        (["--camera", "tets:"], 1, "did you mean 'test'?"),
        (["--source", "absent.avi"], 1, "no such file or folder: absent.avi"),
        (["--source", "notes.txt"], 1, "text file"),
        (["--source", "empty"], 1, "no images found in empty"),
        (["--source", "empty.mp4"], 1, "the file is empty"),
        (["--source", "half.jpg"], 1, "half.jpg"),
        (["--source", "http://"], 1, "the host is missing"),
        (["--source", "test:", "--camera", "0"], 2, "not both"),
        (["--source", "test:", "--top", "0"], 2, "--top"),
        (["--source", "test:", "--threshold", "nan"], 2, "nan"),
        (["--source", "test:", "--threshold", "1.5"], 2, "--threshold"),
        (["--source", "test:", "--limit", "0"], 2, "--limit"),
        (["--source", "test:", "--threads", "many"], 2, "--threads"),
        (["--resize", "crop"], 2, "--resize"),
        (["--source", "test:", "--summary", "empty"], 1, "folder"),
    ],
)
def test_errors_are_one_line(model: Path, tmp_path: Path, args: list[str], code: int, said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("hello, I am a text file\n" * 100)
    (tmp_path / "half.jpg").write_bytes(b"\xff\xd8\xff\xe0 half")
    done = run(model, *args, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in one_line(done)


def test_model_errors_are_one_line(model: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.tflite").write_bytes(model.read_bytes()[:1000])
    (tmp_path / "empty.tflite").write_bytes(b"")
    (tmp_path / "bare.tflite").write_bytes(without_evidence())
    for args, said in [
        (["absent.tflite"], "model not found: absent.tflite"),
        (["cut.tflite"], "cut.tflite"),
        (["empty.tflite"], "empty.tflite"),
        (["bare.tflite"], "edgevision card"),
    ]:
        done = run(*args, "--source", "test:", cwd=tmp_path)
        assert done.returncode == 1
        assert said in one_line(done)


def test_json_mode_loads_no_terminal_library(model: Path, folder: Path) -> None:
    args = ["run", str(model), "--source", str(folder / "red.png"), "--json"]
    code = (
        "import sys\nfrom edgevision.cli.main import main\n"
        f"try: main({args!r})\nexcept SystemExit: pass\n"
        "heavy = ('rich', 'tensorflow', 'keras', 'matplotlib', 'flatbuffers')\n"
        "print([m for m in sys.modules if m.split('.')[0] in heavy], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr.splitlines()[-1] == "[]", done.stderr


def test_real_model_on_a_photo(shared: Path) -> None:
    path = shared / "models" / "mobilenet_v1_0.25_224_quant_with_metadata.tflite"
    done = run(path, "--source", shared / "data" / "pictures" / "cat.bmp", "--json")
    assert done.returncode == 0, done.stderr
    (line,) = records(done.stdout)
    assert "cat" in top(line)
    assert "has no model card" in done.stderr
