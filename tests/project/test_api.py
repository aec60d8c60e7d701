"""The public API: its lists agree, it loads lazily, and a misspelled name is an error."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from locations import ROOT

import edgevision

PACKAGES = {
    "edgevision": ROOT / "edgevision",
    "edgevision.convert": ROOT / "convert",
    "edgevision.device": ROOT / "device",
}
HEAVY = (
    "numpy",
    "cv2",
    "click",
    "flatbuffers",
    "tensorflow",
    "ai_edge_litert",
    "edgevision.errors",
    "edgevision.types",
)


def type_checked(folder: Path) -> dict[str, str]:
    """Return name -> module of what a package imports for type checkers."""
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    guards = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [node for guard in guards for node in guard.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: f"{'.' * node.level}{node.module}" for node in imports for alias in node.names}


@pytest.mark.parametrize("name", PACKAGES)
def test_names_for_type_checkers_and_at_run_time_are_the_same(name: str) -> None:
    package, static = importlib.import_module(name), type_checked(PACKAGES[name])
    names = [one for one in package.__all__ if not one.startswith("__")]
    assert sorted(static) == sorted(names)
    assert dir(package) == sorted(package.__all__)
    for one, module in static.items():
        assert getattr(package, one) is getattr(importlib.import_module(module, name), one)


@pytest.mark.parametrize("name", PACKAGES)
def test_no_module_has_a_public_name(name: str) -> None:
    """Importing such a module would replace what is public by the module."""
    package = importlib.import_module(name)
    assert not {path.stem for path in PACKAGES[name].iterdir()} & set(package.__all__)


@pytest.mark.parametrize("name", PACKAGES)
def test_public_names_have_a_docstring(name: str) -> None:
    package = importlib.import_module(name)
    for one in (one for one in package.__all__ if not one.startswith("__")):
        found = getattr(package, one)
        text = inspect.getdoc(found) or ""
        assert text, f"{name}.{one}"
        assert not text.startswith(f"{one}("), f"{name}.{one}: the docstring is the one that dataclass makes"
        if inspect.isfunction(found):
            sections = ["Args:", "Returns:", "Raises:"]
            assert [part for part in sections if f"\n{part}\n" in text] == sections, f"{name}.{one}"


@pytest.mark.parametrize("name", PACKAGES)
def test_misspelled_name_is_an_attribute_error(name: str) -> None:
    package = importlib.import_module(name)
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'open_modle'"):
        _ = package.open_modle
    assert not hasattr(package, "_nothing")


@pytest.mark.parametrize("name", PACKAGES)
def test_import_is_light(name: str) -> None:
    code = f"import sys, {name}\nprint([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_every_error_is_public_and_can_be_caught_by_the_base_class() -> None:
    errors = importlib.import_module("edgevision.errors")
    classes = {
        name
        for name, found in vars(errors).items()
        if inspect.isclass(found) and issubclass(found, errors.EdgeVisionError)
    }
    assert classes <= set(edgevision.__all__)
    for name in classes:
        assert issubclass(getattr(edgevision, name), edgevision.EdgeVisionError)
        assert name == "EdgeVisionError" or (inspect.getdoc(getattr(errors, name)) or "").startswith("Raised ")


def test_errors_elsewhere_are_kinds_of_a_public_one() -> None:
    """A user who catches a documented class must not miss an undocumented one."""
    for folder in ("edgevision", "convert", "device"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name == "errors.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                bases = [ast.unparse(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
                assert "EdgeVisionError" not in bases, f"{path.relative_to(ROOT)}:{node.lineno}"


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("BadInput", ValueError),
        ("BadImage", ValueError),
        ("BadModel", ValueError),
        ("UsageError", ValueError),
        ("UnknownName", LookupError),
        ("MissingFile", FileNotFoundError),
        ("OutputExists", FileExistsError),
        ("CannotWrite", OSError),
        ("CameraLost", OSError),
        ("MissingDependency", ImportError),
        ("EngineError", RuntimeError),
        ("RemoteUnreachable", ConnectionError),
        ("VerifyFailed", OSError),
    ],
)
def test_errors_are_also_the_built_in_exception(name: str, builtin: type[Exception]) -> None:
    with pytest.raises(builtin, match="a message") as caught:
        raise getattr(edgevision, name)("a message")
    assert str(caught.value) == "a message" and isinstance(caught.value, edgevision.EdgeVisionError)


def test_inspect_and_read_model_take_text_and_paths(data: Path, tmp_path: Path) -> None:
    path = data / "tiny.tflite"
    assert edgevision.inspect(str(path)) == edgevision.inspect(path)
    assert edgevision.read_model(str(path)).sha256 == edgevision.read_model(path).sha256
    with pytest.raises(edgevision.MissingFile, match="not found"):
        edgevision.read_model(str(tmp_path / "absent.tflite"))


def test_missing_library_is_an_error_that_says_how_to_install_it(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    code = f"""
import sys

class Absent:
    def find_spec(name, path=None, target=None):
        if name in ("tensorflow", "keras"):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent)
import edgevision
from edgevision.convert import train
try:
    train({str(tmp_path)!r}, runs={str(tmp_path / "runs")!r})
except edgevision.MissingDependency as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    install = "pip install 'edgevision[convert]'"
    assert done.stdout == f"keras is not installed, but is needed here; install it with: {install}\n"
