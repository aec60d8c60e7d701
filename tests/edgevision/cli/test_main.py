"""The command line: a one-line error for each fault, the right exit code, and help for every command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from command_line import edgevision
from locations import ROOT

from edgevision.cli.main import COMMANDS


def run(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return edgevision(*args, cwd=cwd)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_is_in_the_readme(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert f"edgevision {name}" in done.stdout
    assert f"edgevision {name}" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["covnert"], 2, "did you mean 'convert'?"),
        (["run", "--cammera", "0"], 2, "--camera"),
        (["inspect"], 2, "Missing argument"),
        (["data"], 2, "Missing command; see edgevision data --help"),
        (["flash"], 2, "Missing command; see edgevision flash --help"),
        (["bench"], 1, "no model to measure"),
        (["inspect", "absent.tflite"], 1, "not found"),
        (["doctor", "absent.tflite"], 1, "not found"),
        (["run", "absent.tflite", "--source", "test:"], 1, "not found"),
    ],
)
def test_faults_give_a_one_line_error(args: list[str], code: int, said: str, tmp_path: Path) -> None:
    done = run(*args, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("edgevision: error: ")
    assert said in lines[0]


def test_command_without_arguments_shows_the_help() -> None:
    done = run()
    assert done.returncode == 0 and "Commands:" in done.stdout and not done.stderr


def test_version_is_printed() -> None:
    assert run("--version").stdout.startswith("edgevision, version ")
