"""JSON from outside passes a strict reader: no module uses ``json.load`` or ``json.loads`` without a reason given here."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from edgevision.device.installer.base import strict_json as installer_json
from locations import ROOT

from edgevision.files import strict_json

OWN_CHILD = "the output of a child process that runs our own code"
REASONS = {
    "edgevision/files/strict_json.py": "the strict reader",
    "device/installer/base/strict_json.py": "the strict reader of the installer, which imports nothing from edgevision",
    "edgevision/engines/edgetpu_probe.py": OWN_CHILD,
    "convert/keras_files/sandbox.py": OWN_CHILD,
    "convert/demo/run_loop.py": OWN_CHILD,
    "device/bench/cold_start.py": OWN_CHILD,
    "device/doctor/cameras.py": OWN_CHILD,
    "device/doctor/edgetpu.py": OWN_CHILD,
    "device/doctor/packages.py": OWN_CHILD,
    "device/fleet/role/action_plugins/edgevision_bundle.py": "runs in Ansible, where edgevision may not be installed",
    "device/fleet/role/action_plugins/edgevision_release.py": "runs in Ansible, where edgevision may not be installed",
    "device/deploy/programs/probe.py": "runs on the device, with the standard library only; its answer is read strictly",
    "convert/source_model/load.py": "text that Keras just made of a model in memory",
    "convert/training/network/starter_weights.py": "a file of the installed package",
}
BAD = {
    "nan": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "number": b'{"a": 1e999}',
    "digits": b'{"a": 1' + b"0" * 30 + b"}",
    "twice": b'{"a": 1, "a": 2}',
    "depth": b"[" * 70 + b"]" * 70,
    "bottomless": b"[" * 100_000,
    "surrogate": b'{"a": "\\ud800"}',
    "latin-1": b'{"a": "\xe9"}',
    "cut off": b'{"a": ',
    "empty": b"",
    "size": b'"' + b"a" * (2**20) + b'"',
}


def uses() -> Iterator[str]:
    for package in ("edgevision", "convert", "device", "starter"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                call = node.func if isinstance(node, ast.Call) else None
                named = isinstance(call, ast.Attribute) and call.attr in ("load", "loads")
                if named and isinstance(call.value, ast.Name) and call.value.id == "json":
                    yield path.relative_to(ROOT).as_posix()
                if isinstance(node, ast.ImportFrom) and node.module == "json":
                    assert not {"load", "loads", "JSONDecoder"} & {name.name for name in node.names}, path


def test_json_is_read_by_the_strict_reader_only() -> None:
    assert set(uses()) == set(REASONS)


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_both_readers_refuse_the_same(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        installer_json.loads(data)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"^it is "):
        strict_json.loads(data, "it", 2**20)


def test_both_readers_read_the_same() -> None:
    data = b'{"a": [1, -2.5, true, null, {"\\u00e9": "\\ud83d\\ude00"}], "b": 9007199254740993}'
    assert installer_json.loads(data) == strict_json.loads(data, "it")


def test_files_of_a_training_may_hold_nan() -> None:
    assert strict_json.loads(b"[NaN]", "it", allow_nan=True)[0] != 0
