"""The inputs of the fuzz targets are read well, and the harness sees what is not; make fuzz looks for new ones."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from math import inf
from pathlib import Path

import pytest
from locations import ROOT

sys.path.insert(0, str(ROOT))

from edgevision.errors import BadInput
from tools.fuzz import __main__ as command
from tools.fuzz import campaign, json_mutator, seeds
from tools.fuzz.outcome import check
from tools.fuzz.registry import BY_NAME, CORPUS, TARGETS

MAX_CORPUS_BYTES = 500_000
IN_TENSORFLOW = ("keras-json", "keras", "h5", "savedmodel")
"""Targets that need the convert extra."""
CASES = [
    pytest.param(target.name, marks=pytest.mark.tensorflow if target.name in IN_TENSORFLOW else ())
    for target in TARGETS
]


@pytest.mark.filterwarnings("ignore::edgevision.errors.RenamedSetting")
@pytest.mark.parametrize("name", CASES)
def test_corpus_is_read_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    target = BY_NAME[name]
    reader = target.reader()
    for path in sorted(target.corpus.iterdir()):
        finding = check(reader, path.read_bytes(), tmp_path, inf)
        assert finding is None, f"{path}: {finding.place}\n{finding.detail}"


def test_every_target_has_seeds_and_the_corpus_is_small() -> None:
    assert seeds.missing() == []
    assert sorted(path.name for path in CORPUS.iterdir()) == sorted(BY_NAME)
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < MAX_CORPUS_BYTES


def _traceback(data: bytes, folder: Path) -> None:
    raise KeyError("x")


def _empty(data: bytes, folder: Path) -> None:
    raise BadInput("")


def _slow(data: bytes, folder: Path) -> None:
    time.sleep(0.05)


class _Plain(BadInput):
    """An error whose text is not made one line."""

    def __str__(self) -> str:
        return str(self.args[0])


def _control(data: bytes, folder: Path) -> None:
    raise _Plain("a\x1b[2J")


def _long(data: bytes, folder: Path) -> None:
    raise _Plain("a" * 5000)


@pytest.mark.parametrize(
    ("reader", "place"),
    [
        (_traceback, "KeyError at tests/project/test_fuzz.py:"),
        (_empty, "empty message at"),
        (_slow, "slow"),
        (_control, "control characters in the message at"),
        (_long, "long message at"),
    ],
)
def test_harness_finds_faults(reader: Callable[[bytes, Path], None], place: str, tmp_path: Path) -> None:
    finding = check(reader, b"", tmp_path, 0.01 if reader is _slow else 60.0)
    assert finding is not None
    assert finding.place.startswith(place)


def test_harness_accepts_success_and_one_line(tmp_path: Path) -> None:
    def refuse(data: bytes, folder: Path) -> None:
        raise BadInput("x.csv is empty")

    assert check(lambda data, folder: None, b"", tmp_path, 60.0) is None
    assert check(refuse, b"", tmp_path, 60.0) is None


def test_json_mutation_is_repeatable_and_stays_within_its_size() -> None:
    data = b'{"a": [1, "x", {"b": null}], "c": true}'
    for seed in range(300):
        made = json_mutator.mutate(data, seed, 3000, lambda raw, longest: raw[:longest])
        assert made == json_mutator.mutate(data, seed, 3000, lambda raw, longest: raw[:longest])
        assert len(made) <= 3000


def test_report_of_libfuzzer_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = "#2\tINITED cov: 40 ft: 4\n#900\tNEW    cov: 52 ft: 9\nstat::number_of_executed_units: 1234\n"
    monkeypatch.setattr(campaign, "_run", lambda name, folder, seconds: log)
    monkeypatch.setattr(campaign, "monotonic", iter([0.0, 0.0, 60.0]).__next__)
    result = campaign.fuzz("csv", tmp_path, 60)
    assert result == campaign.Result("csv", 1234, 52, 12, ())
    assert campaign.table([result]).splitlines()[1].split()[-4:] == ["1234", "52", "12", "0"]


def test_target_that_does_not_start_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "_run", lambda name, folder, seconds: "ImportError")
    assert campaign.fuzz("csv", tmp_path, 60).findings == (f"did not start: {tmp_path / 'csv.log'}",)


@pytest.mark.parametrize(("allowed", "code"), [("", 1), ("1", 0)])
def test_without_atheris_the_command_says_so_in_one_line(
    allowed: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    monkeypatch.setenv("ALLOW_SKIP", allowed)
    assert command.main([]) == code
    assert capsys.readouterr().err.startswith("fuzz: NOT RUN: atheris is not installed")


def test_seeds_are_those_of_the_script(tmp_path: Path) -> None:
    """Only text seeds: encoders and archives may differ between versions of libraries."""
    made = {(target, f"seed-{name}"): data for target, name, data in seeds.seeds()}
    assert {(path.parent.name, path.name) for path in CORPUS.rglob("seed-*")} == set(made)
    for (target, name), data in made.items():
        if target in ("csv", "labels", "manifest", "run-toml", "toml-values", "card"):
            assert (CORPUS / target / name).read_bytes() == data
