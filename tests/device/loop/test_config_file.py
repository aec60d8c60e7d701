"""Configuration files of the loop: contents, relative paths, and error messages."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import click
import command_line
import numpy as np
import pytest
from documents import parse
from edgevision.device.cli.run import run
from edgevision.device.loop import config_file
from edgevision.device.tracking.shapes import CountLine, Zone
from hypothesis import given
from hypothesis import strategies as st

from edgevision.cli.setting_options import GroupedCommand
from edgevision.errors import BadInput, EdgeVisionError, RenamedSetting
from edgevision.preprocessing import decode
from edgevision.types import Frame


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    """Return a folder with an image and a subfolder for files."""
    (tmp_path / "setup").mkdir()
    picture = decode.encode_png(Frame(np.full((30, 40, 3), 200, np.uint8), "BGR"))
    (tmp_path / "setup" / "gray.png").write_bytes(picture)
    return tmp_path


def edgevision(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return command_line.edgevision("run", *args, cwd=cwd)


def read(path: Path) -> dict[str, object]:
    return config_file.read(path)


def test_saved_command_line_runs_from_any_folder(folder: Path) -> None:
    given = [
        "--source",
        "setup/gray.png",
        "--top",
        2,
        "--json",
        "--roi",
        "0,0,0.5,1",
        "--save-config",
        "setup/cam.toml",
    ]
    done = edgevision(*given, cwd=folder)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "next: edgevision run --config setup/cam.toml" in done.stderr
    found = tomllib.loads((folder / "setup" / "cam.toml").read_text())
    assert found == {"source": "gray.png", "top": 2, "json": True, "roi": "0,0,0.5,1"}
    again = edgevision("--config", "../setup/cam.toml", cwd=_made(folder / "elsewhere"))
    assert again.returncode == 0, again.stderr
    record = parse(again.stdout, "run_line")
    assert (record["width"], record["height"], len(record["labels"])) == (20, 30, 2)


def test_command_line_overrides_the_file(folder: Path) -> None:
    (folder / "cam.toml").write_text("camera = 0\ntop = 3\njson = true\nquiet = true\n")
    done = edgevision("--config", "cam.toml", "--source", "setup/gray.png", "--top", 1, "--no-json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("setup/gray.png: ")
    assert ";" not in done.stdout


def test_later_files_override_earlier_ones_key_by_key(folder: Path) -> None:
    (folder / "cam.toml").write_text("camera = 0\ntop = 3\nquiet = true\n")
    (folder / "setup" / "own.toml").write_text('source = "gray.png"\ntop = 1\n')
    done = edgevision("--config", "cam.toml", "--config", "setup/own.toml", "--json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    record = parse(done.stdout, "run_line")
    assert (record["source"], len(record["labels"])) == ("setup/gray.png", 1)
    both = edgevision("--config", "setup/own.toml", "--config", "cam.toml", "--save-config", "both.toml", cwd=folder)
    assert both.returncode == 0, both.stderr
    assert tomllib.loads((folder / "both.toml").read_text()) == {"camera": "0", "top": 3, "quiet": True}


def test_each_file_is_validated(folder: Path) -> None:
    (folder / "cam.toml").write_text("top = 3\n")
    (folder / "own.toml").write_text("# mine\nflop = 3\n")
    done = edgevision("--config", "own.toml", "--config", "cam.toml", cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "own.toml:2: unknown option 'flop'; did you mean 'flip'?" in done.stderr


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "cam.toml").write_bytes(b"\xef\xbb\xbf# mine\r\ntop = 2\r\n")
    assert read(tmp_path / "cam.toml") == {"top": 2}


def test_oversized_file_is_rejected(tmp_path: Path) -> None:
    with (tmp_path / "os.img").open("wb") as stream:
        stream.truncate(2 * 10**9)
    with pytest.raises(BadInput, match="not a text file"):
        read(tmp_path / "os.img")


def test_existing_file_is_not_overwritten(folder: Path) -> None:
    (folder / "cam.toml").write_text("top = 3\n")
    done = edgevision("--top", 4, "--save-config", "cam.toml", cwd=folder)
    assert done.returncode == 1
    assert "exists" in done.stderr
    assert (folder / "cam.toml").read_text() == "top = 3\n"
    assert edgevision("--top", 4, "--save-config", "cam.toml", "--overwrite", cwd=folder).returncode == 0
    assert read(folder / "cam.toml") == {"top": 4}


def test_file_with_a_password_is_private(folder: Path) -> None:
    done = edgevision("--camera", "rtsp://me:secret@10.0.0.7/live", "--save-config", "cam.toml", cwd=folder)
    assert done.returncode == 0
    assert "password" in done.stderr
    assert "secret" not in done.stderr
    assert (folder / "cam.toml").stat().st_mode & 0o777 == 0o600


def test_values_are_converted_by_their_options(tmp_path: Path) -> None:
    path = tmp_path / "all.toml"
    path.write_text(
        'model = "a.tflite"\ncamera = 1\nthreshold = 1\nfps = 2.5\nrotate = 90\nflip = "both"\nsize = "64X48"\n'
        'on_motion = true\nsummary = "/var/run.json"\ncontact_sheet = "sheet.png"\nfreeze_timeout = 0\n'
    )
    assert read(path) == {
        "model": tmp_path / "a.tflite", "camera": "1", "threshold": 1.0, "fps": 2.5, "rotate": 90, "flip": "both",
        "size": (64, 48), "on_motion": True, "summary": Path("/var/run.json"), "contact_sheet": tmp_path / "sheet.png",
        "freeze_timeout": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize("spec", ["test:", "rtsp://10.0.0.7/live", "/dev/video0", "0", "usb:by-id-name", "-"])
def test_specs_that_are_not_paths_are_unchanged(tmp_path: Path, spec: str) -> None:
    path = tmp_path / "cam.toml"
    path.write_text(f"camera = {json.dumps(spec)}\n")
    assert read(path) == {"camera": spec}
    assert tomllib.loads(config_file.dumps({"camera": spec}, path)) == {"camera": spec}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# mine\n\nsmoth = 3\n", "bad.toml:3: unknown option 'smoth'; did you mean 'smooth'?"),
        ("on-motion = true\n", "bad.toml:1: unknown option 'on-motion'; did you mean 'on_motion'?"),
        ("as_json = true\n", "bad.toml:1: unknown option 'as_json'"),
        ("config = 'x'\n", "bad.toml:1: unknown option 'config'"),
        ("top = 1\n'xyzzy' = 1\n", "bad.toml:2: unknown option 'xyzzy'; available options: model, camera"),
        ('top = "five"\n', "bad.toml:1: top: expected a whole number from 1 to 1000, got 'five'"),
        ("top = true\n", "bad.toml:1: top: expected a whole number from 1 to 1000, got true"),
        ("top = 0\n", "bad.toml:1: top: expected a whole number from 1 to 1000, got 0"),
        ("threshold = nan\n", "bad.toml:1: threshold: expected a number from 0 to 1, got nan"),
        ("fps = 0\n", "bad.toml:1: fps: expected a number above 0, up to 1000, got 0"),
        ("freeze_timeout = inf\n", "bad.toml:1: freeze_timeout: expected a number, 0 or more, got inf"),
        ("limit = 0\n", "bad.toml:1: limit: expected a whole number, 1 or more, got 0"),
        ("json = 1\n", "bad.toml:1: json: expected true or false, got 1"),
        ("roi = [0, 0, 1, 1]\n", "bad.toml:1: roi: expected x,y,width,height within the image"),
        ('\nroi = "0,0,2,1"\n', "bad.toml:2: roi: invalid region 0,0,2,1: it must lie within the image"),
        ('size = "big"\n', "bad.toml:1: size: expected WIDTHxHEIGHT in pixels, such as 1280x720, got 'big'"),
        ('engine = "cpi"\n', "bad.toml:1: engine: no such engine: 'cpi'; did you mean 'cpu'?"),
        ("rotate = 45\n", "bad.toml:1: rotate: expected one of 0, 90, 180, 270, got 45"),
        ('flip = "up"\n', "bad.toml:1: flip: expected one of none, horizontal, vertical, both, got 'up'"),
        ("top = 1\n[source]\nx = 1\n", "bad.toml:2: source: expected text, got a table"),
        ("top = = 1\n", "bad.toml:1: Invalid value"),
        ("top = 1\n\x00", "bad.toml:2: "),
        ("x = " + "[" * 5000, "bad.toml: brackets are nested too deeply"),
        ("top = " + "1" * 5000, "bad.toml: a number has too many digits"),
        ("'camera'\t= [\"rtsp://me:secret@10.0.0.7\"]", "bad.toml:1: camera: expected text, got a list"),
    ],
)  # fmt: skip
def test_invalid_file_gives_file_line_and_expected_value(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    done = edgevision("--config", "bad.toml", "--source", "test:", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.strip().splitlines()
    assert said in line


def test_key_with_its_former_name_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "twice.toml").write_text("frozen = 1\nfreeze_timeout = 2\n")
    with pytest.warns(RenamedSetting), pytest.raises(BadInput, match=r"twice\.toml:2: freeze_timeout is given twice"):
        read(tmp_path / "twice.toml")


def test_missing_and_binary_files_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(EdgeVisionError, match="config file not found"):
        read(tmp_path / "absent.toml")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not a text file"):
        read(tmp_path / "binary")


@given(st.text(max_size=200))
def test_any_text_is_read_or_rejected_with_its_file(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        read(path)
    except BadInput as error:
        assert str(error).startswith(str(path))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "model": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).map(
                lambda t: Path("/") / t
            ),
            "camera": st.from_regex(r"rtsp://[!-~]{1,20}", fullmatch=True),
            "threshold": st.floats(0, 1),
            "top": st.integers(1, 1000),
            "events": st.booleans(),
            "roi": st.just((0.25, 0.1, 0.5, 1 / 3)),
            "size": st.tuples(st.integers(1, 16384), st.integers(1, 16384)),
            "collect_quota": st.integers(1, 10**12),
            "track_labels": st.just(("cat", "a, b")),
            "count_lines": st.just((CountLine((0.5, 0.0), (0.5, 1.0), "door"), CountLine((0.0, 0.25), (1.0, 0.75)))),
            "zones": st.just((Zone(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)), "yard"),)),
        },
    )
)
def test_written_options_are_read_back(tmp_path_factory: pytest.TempPathFactory, given: dict[str, object]) -> None:
    path = tmp_path_factory.getbasetemp() / "again.toml"
    path.write_text(config_file.dumps(given, path), encoding="utf-8")
    assert read(path) == given


def test_every_option_has_a_heading_in_the_help() -> None:
    assert isinstance(run, GroupedCommand)
    grouped = {name for names in run.groups.values() for name in names}
    options = {str(p.name) for p in run.params if isinstance(p, click.Option)}
    assert options <= grouped
    text = run.get_help(click.Context(run, info_name="edgevision run"))
    assert [line[:-1] for line in text.splitlines() if line[:1].isalpha() and line.endswith(":")] == [*run.groups]
    assert "--no-" not in text.replace("--no-events", "")


def _made(path: Path) -> Path:
    path.mkdir()
    return path


CHANGES = {"threshold": 0.25, "smooth": 3, "roi": (0.0, 0.0, 0.5, 1.0)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'threshold = 0.25\nsmooth = 3\nroi = "0,0,0.5,1"\n'),
        (
            "# mine\nthreshold = 0.9 # high\ntop = 2",
            '# mine\nthreshold = 0.25\ntop = 2\nsmooth = 3\nroi = "0,0,0.5,1"\n',
        ),
        ("# smooth =\n# threshold =\n", 'smooth = 3\nthreshold = 0.25\nroi = "0,0,0.5,1"\n'),
        ('top = 1\n[[outputs]]\nspec = "jsonl:x"\nthreshold = 0.9\n', None),
    ],
)
def test_settings_are_changed_and_the_rest_of_the_file_stays(tmp_path: Path, before: str, after: str | None) -> None:
    path = tmp_path / "run.toml"
    path.write_text(before)
    path.chmod(0o600)
    config_file.update(path, CHANGES)
    found = config_file.read(path)
    assert {name: found[name] for name in CHANGES} == CHANGES
    assert path.stat().st_mode & 0o777 == 0o600
    if after is not None:
        assert path.read_text() == after
    if after is None:
        assert path.read_text().endswith('[[outputs]]\nspec = "jsonl:x"\nthreshold = 0.9\n')
    config_file.update(path, dict.fromkeys(CHANGES))
    assert not CHANGES.keys() & config_file.read(path).keys()


def test_lines_are_saved_and_removed_in_place(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('count_lines = ["0,0,1,1,old"] # mine\ntop = 2\n')
    config_file.update(path, {"count_lines": (CountLine((0.5, 0.0), (0.5, 1.0), "Tür"),), "zones": None})
    assert path.read_text() == 'count_lines = ["0.5,0,0.5,1,Tür"]\ntop = 2\n'
    config_file.update(path, {"count_lines": None})
    assert path.read_text() == "# count_lines =\ntop = 2\n"


def test_list_on_several_lines_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('count_lines = [\n  "0,0,1,1,old",\n]\n')
    with pytest.raises(BadInput, match="its form is unusual; set count_lines by hand"):
        config_file.update(path, {"count_lines": (CountLine((0.5, 0.0), (0.5, 1.0), "new"),)})
    assert "old" in path.read_text()


def test_file_of_an_unusual_form_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("source = '''a\n[b'''\n")
    with pytest.raises(BadInput, match="its form is unusual; set threshold, smooth, roi by hand"):
        config_file.update(path, CHANGES)
    assert path.read_text() == "source = '''a\n[b'''\n"
