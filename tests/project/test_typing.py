"""Type checkers see the public API as it is: a user's program passes ``mypy --strict``, and a misspelled name does not."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from locations import ROOT
from public_names import PACKAGES, private_names
from snippets import programs
from user_wheel import PIP, build_wheel

PROGRAM = ROOT / "tests" / "data" / "user_program.py"
MISSPELLED = """\
import edgevision
import edgevision.device
from edgevision.convert import TrainSetings
from edgevision import open_modle

edgevision.Predicton
edgevision.device.open_cammera
edgevision.open_model().predict("photo.jpg").labls
edgevision.open_model(engin="cpu")
edgevision.device.run(edgevision.device.open_camera(rotate=45), edgevision.open_model())
"""
FAULTS = {
    3: 'Module "edgevision.convert" has no attribute "TrainSetings"',
    4: 'Module "edgevision" has no attribute "open_modle"',
    6: 'Module has no attribute "Predicton"',
    7: 'Module has no attribute "open_cammera"',
    8: '"Prediction" has no attribute "labls"',
    9: 'Unexpected keyword argument "engin"',
    10: 'Argument "rotate"',
}


def check(packages: Path, folder: Path, *programs: Path) -> subprocess.CompletedProcess[str]:
    """Run ``mypy --strict`` over programs of a user who has edgevision in a site-packages folder."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=/dev/null"]
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    return subprocess.run(
        [*command, *map(str, programs)], capture_output=True, text=True, cwd=folder, env=environment, check=False
    )


def written(folder: Path, *pages: str) -> Iterator[Path]:
    """Write the programs on pages into files and yield their paths."""
    for page in pages:
        for number, code in enumerate(programs((ROOT / page).read_text(encoding="utf-8"))):
            path = folder / f"{Path(page).stem}_{number}.py"
            path.write_text(code)
            yield path


def require_right_and_wrong(packages: Path, folder: Path) -> None:
    wrong = folder / "misspelled.py"
    wrong.write_text(MISSPELLED)
    done = check(packages, folder, PROGRAM, wrong, *written(folder, "README.md", "docs/guides/python.md"))
    lines = [line.removeprefix(f"{wrong.name}:") for line in done.stdout.splitlines() if ": error: " in line]
    assert [line for line in lines if not line[0].isdecimal()] == [], "the program of the user must have no error"
    found = {int(line.partition(":")[0]): line for line in lines}
    assert found.keys() == FAULTS.keys(), done.stdout
    for number, text in FAULTS.items():
        assert text in found[number]


def test_program_uses_every_public_name_and_no_other() -> None:
    text = PROGRAM.read_text(encoding="utf-8")
    assert list(private_names(text)) == []
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    for package in PACKAGES:
        public = {name for name in import_module(package).__all__ if not name.startswith("__")}
        assert public <= names, package


def test_program_runs() -> None:
    done = subprocess.run([sys.executable, str(PROGRAM)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "edgevision.inspect/1" and "5 end" in lines and "5 limit" in lines


def test_checkout_is_typed(tmp_path: Path) -> None:
    """The packages of the checkout, linked as a wheel would install them."""
    packages = tmp_path / "packages"
    subprocess.run(["sh", "tools/typing_view.sh", str(packages)], cwd=ROOT, check=True)
    require_right_and_wrong(packages, tmp_path)


@pytest.mark.slow
def test_wheel_is_typed(tmp_path: Path) -> None:
    """The wheel that a user installs."""
    packages = tmp_path / "packages"
    install = [*PIP, "install", "--no-deps", "--target", str(packages), str(build_wheel(tmp_path))]
    subprocess.run(install, check=True)
    assert (packages / "edgevision" / "py.typed").exists()
    require_right_and_wrong(packages, tmp_path)
