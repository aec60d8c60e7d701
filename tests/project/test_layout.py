"""Package layout: the wheel is complete, the device does not load TensorFlow, and --help starts fast."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest
from locations import ROOT
from user_wheel import build_wheel

FOLDERS = {"edgevision": "edgevision", "convert": "edgevision.convert", "device": "edgevision.device"}
HEAVY = ("tensorflow", "keras", "tf_keras", "edgevision.convert")


def _project() -> dict[str, object]:
    with (ROOT / "pyproject.toml").open("rb") as stream:
        return tomllib.load(stream)


def _packages() -> set[str]:
    found = set()
    for folder, name in FOLDERS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            parts = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join([name, *parts]))
    return found


def _modules(folder: str) -> list[str]:
    base = ROOT / folder
    names = []
    for path in sorted(base.rglob("*.py")):
        parts = path.relative_to(base).with_suffix("").parts
        loaded_by_ansible = parts[0] == "fleet" and parts[1] in ("role", "callback_plugins")
        if parts[-1] not in ("__init__", "__main__") and not loaded_by_ansible:
            names.append(".".join([FOLDERS[folder], *parts]))
    return names


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_package_is_listed_in_pyproject() -> None:
    listed = set(_project()["tool"]["setuptools"]["packages"])  # type: ignore[index]
    assert listed == _packages(), (
        "the package list in pyproject.toml does not match the folders, so the wheel would lack a package"
    )


def test_every_source_folder_has_an_init_file() -> None:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), f"{path.parent} has no __init__.py"


@pytest.mark.parametrize("folder", ["edgevision", "device"])
def test_core_and_device_never_load_tensorflow(folder: str) -> None:
    modules = _modules(folder)
    assert len(modules) >= 5
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print([m for m in sys.modules if m.split('.')[0] in {HEAVY!r} or m.startswith('edgevision.convert')])"
    )
    assert _python(code) == "[]"


def test_help_does_not_load_numpy_or_tensorflow() -> None:
    code = (
        "import sys\nfrom edgevision.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('numpy', 'tensorflow', 'keras', 'cv2', 'rich', 'flatbuffers') if m in sys.modules])"
    )
    assert _python(code).splitlines()[-1] == "[]"


def test_generic_package_names_are_not_installed(tmp_path: Path) -> None:
    code = "import importlib.util as u; print([n for n in ('convert', 'device') if u.find_spec(n)])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["edgevision", "edgevision.convert", "edgevision.device"])
def test_packages_import_from_any_folder(name: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", f"import {name}"], cwd=tmp_path, check=True)


def _absolute_imports(path: Path) -> set[str]:
    """Return the modules that a file imports absolutely, anywhere in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
    return found


def test_convert_and_device_are_imported_relatively_or_from_tests() -> None:
    """import-linter, which checks the layers, follows only relative imports within the folders convert/ and device/."""
    mapped = ("edgevision.convert", "edgevision.device")
    for folder, names in {"edgevision": mapped, "convert": mapped, "device": mapped, "tests": ()}.items():
        for path in (ROOT / folder).rglob("*.py"):
            banned = (*names, "convert", "device")
            wrong = {
                i for i in _absolute_imports(path) if i.startswith(tuple(f"{name}." for name in banned)) or i in banned
            }
            assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


@pytest.mark.slow
def test_wheel_contains_only_edgevision_and_all_of_it(tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path)
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"edgevision"}
    wanted = {name.replace(".", "/") + "/__init__.py" for name in _packages()}
    wanted |= {f"edgevision/schemas/{path.name}" for path in (ROOT / "edgevision" / "schemas").iterdir()}
    assert wanted <= set(names)


@pytest.mark.parametrize("folder", FOLDERS)
def test_architecture_lists_every_folder_and_the_layers_that_are_checked(folder: str) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    listed = text.partition(f"\n### {folder}/\n")[2].partition("\n#")[0]
    folders = {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}
    assert [name for name in sorted(folders) if f" {name}/" not in listed] == []
    checked = ConfigParser()
    checked.read(ROOT / ".importlinter")
    core = "core" if folder == "edgevision" else folder
    layers = checked[f"importlinter:contract:{core}-layers"]["layers"].strip().splitlines()
    (row,) = re.findall(rf"^\| {core} \| (.+) \|$", text, re.MULTILINE)
    assert [_parts(layer, "|") for layer in layers] == [_parts(layer, ",") for layer in row.split(" > ")]


def _parts(layer: str, mark: str) -> list[str]:
    return sorted(name.strip(" ()") for name in layer.split(mark))


def test_links_point_to_existing_files() -> None:
    ours = subprocess.run(["git", "ls-files", "-s"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    links = [line.partition("\t")[2] for line in ours.splitlines() if line.startswith("120000")]
    assert [link for link in links if not (ROOT / link).exists()] == []
