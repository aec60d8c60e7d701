"""Tests of ``bench compare``: ratios, tables, pages and invalid files."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_files import file, result
from documents import loads
from edgevision.device.bench.compare import compare
from edgevision.device.bench.comparison_tables import markdown, write_page
from edgevision.device.bench.pareto import Point, front
from hypothesis import given
from hypothesis import strategies as st

from edgevision.cli.main import main
from edgevision.errors import BadInput
from edgevision.evaluation.benchmark_record import read


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "compare", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_ratios_are_relative_to_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = file(tmp_path / "a.json", result("v1", 10.0, drift=0.02), result("v2", 20.0, drift=0.02))
    other = file(tmp_path / "b.json", result("v1", 5.0), machine={"board": "Raspberry Pi 5"})
    assert run(one, other, "--json", "--runs", tmp_path / "runs") == 0
    found = loads(capsys.readouterr().out)
    assert (found["schema"], found["against"]) == ("edgevision.bench_comparison/1", "v1")
    ratios = [row["ratio"] for row in found["rows"]]
    assert ratios[0]["value"] == 1.0
    assert (ratios[1]["low"], ratios[1]["high"]) == (pytest.approx(2.0), pytest.approx(2.0)), "paired, so drift cancels"
    assert ratios[2]["low"] < ratios[2]["value"] < ratios[2]["high"] < 0.5
    page = (tmp_path / "runs/bench-1/compare.html").read_text()
    assert "Raspberry Pi 5" in page


def test_markdown_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = file(tmp_path / "a.json", result("v|1", 10.0, 0.87), result("v2", 20.0, 0.9))
    assert run(one, "--markdown") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| model, engine, threads | predict ms |")
    assert lines[1].startswith("| --- | ---: |")
    assert lines[2].startswith(r"| v\|1 | 10 | 10..10 | 10.2 | 1.00 (1.00..1.00) |")
    assert "87.0 % (85.0..89.0)" in lines[2]
    assert lines[-1] == "Raspberry Pi 4, 4 cores, aarch64, Python 3.11.2, 20 blocks, 2026-11-21"
    assert not (tmp_path / "runs").exists()


def test_terminal_table_marks_invalid_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = result("v2", 20.0) | {"valid": False, "invalid": ["throttled: <b>hot</b>"]}
    assert run(file(tmp_path / "a.json", result("v1", 10.0), bad), "--runs", tmp_path) == 0
    out = capsys.readouterr().out
    assert "fastest: v1 on Raspberry Pi 4; 1 of 2 are NOT VALID" in out
    page = (tmp_path / "bench-1/compare.html").read_text()
    assert "throttled: &lt;b&gt;hot" in page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not valid JSON"),
        ("[]", "is not a benchmark"),
        ("[" * 100_000, "is not valid JSON: nested too deeply"),
        ('{"schema": "edgevision.run/1"}', "expected schema 'edgevision.bench/1', got 'edgevision.run/1'"),
        ('{"schema": "edgevision.bench/2"}', "this edgevision reads 'edgevision.bench/1'"),
        ('{"schema": "edgevision.bench/1", "machine": {}, "results": [{"id": "a"}]}', "damaged"),
        ('{"schema": "edgevision.bench/1", "machine": {}, "results": []}', "contains no results"),
        (None, "benchmark not found"),
    ],
)
def test_invalid_files_fail_with_one_line(
    text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bench.json"
    if text is not None:
        path.write_text(text)
    assert run(path) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_newer_minor_version_and_unknown_keys_are_accepted(tmp_path: Path) -> None:
    path = file(tmp_path / "a.json", result("v1", 1.0) | {"news": 1}, schema="edgevision.bench/1.4")
    assert read(path).results[0]["id"] == "v1"


_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers(),
    lambda inner: st.lists(inner, max_size=3),
)


@given(
    key=st.sampled_from(["id", "model", "predict_ms", "invoke_ms", "loop_ms", "samples_ms", "accuracy", "rate_fps",
                         "memory_mb", "cold_start_ms", "valid", "invalid"]),
    value=_VALUES,
)  # fmt: skip
def test_damaged_results_are_rejected_or_shown(
    key: str, value: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = file(folder / "a.json", result("v1", 1.0) | {key: value})
    try:
        found = compare([path])
    except BadInput as error:
        assert str(path) in str(error)
        return
    assert markdown(found)
    write_page(found, folder / "page.html")


def test_pareto_front() -> None:
    fast, slow, best, worse = (
        Point("fast", 1, 0.7),
        Point("slow", 4, 0.7),
        Point("best", 3, 0.9),
        Point("worse", 3, 0.8),
    )
    assert front([slow, worse, best, fast]) == [fast, best]
    with pytest.raises(BadInput):
        read(Path(__file__))
