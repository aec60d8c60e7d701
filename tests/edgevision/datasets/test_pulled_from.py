"""Which device a folder of images is from; whatever its record holds, nothing harmful becomes part of a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.datasets.pulled_from import FILE, device_of


def folder_with(folder: Path, data: bytes) -> Path:
    (folder / FILE).write_bytes(data)
    return folder


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([{"host": "door.local", "user": "pi"}], "pi@door.local"),
        ([{"host": "old", "user": "pi"}, {"host": "door.local", "user": None}], "door.local"),
        ([{"host": "door.local"}], "door.local"),  # written before the user was recorded
        ([{"host": "[fe80::1%eth0]", "user": "pi"}], "pi@[fe80::1%eth0]"),
        ([{"host": "-oProxyCommand=reboot", "user": "pi"}], None),
        ([{"host": "a b"}], None),
        ([{"host": "door", "user": "-l"}], None),
        ([{"host": 5}], None),
        ([["host"]], None),
        ([], None),
    ],
)
def test_newest_line_names_the_device(tmp_path: Path, lines: list[object], expected: str | None) -> None:
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    assert device_of(folder_with(tmp_path, data)) == expected
    assert device_of(folder_with(tmp_path, data + b'{"host": "half')) == expected


def test_folder_without_a_record_names_none(tmp_path: Path) -> None:
    assert device_of(tmp_path) is None
    (tmp_path / FILE).mkdir()
    assert device_of(tmp_path) is None


@given(st.binary(max_size=400))
def test_any_content_is_read_without_a_fault(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    found = device_of(folder_with(tmp_path_factory.getbasetemp(), data))
    assert found is None or not found.startswith("-")
