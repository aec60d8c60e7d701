"""Tests that no file of another machine blocks or fills the memory, and that its names stay one line of text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from edgevision.device.installer.archive import trusted_keys
from edgevision.device.installer.base.regular_files import read_bytes
from edgevision.device.installer.base.status import Status, complain
from edgevision.device.installer.system import apply
from edgevision.device.service.install import ServiceOptions, prepare
from edgevision.device.service.unit import CONFIG

from edgevision import default_model
from edgevision.errors import BadInput


@pytest.mark.parametrize("place", ["etc/passwd", "etc/group", "etc/hosts", "etc/default/locale"])
@pytest.mark.parametrize("kind", ["pipe", "sparse file"])
def test_settings_are_not_held_up_by_strange_files(place: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(path)
    else:
        with path.open("wb") as stream:
            stream.truncate(1 << 40)
    settings = {"hostname": "cam", "locale": "C.UTF-8", "user": {"name": "edge"}}
    for line in apply(settings, tmp_path):
        assert "\n" not in line
    prepare(ServiceOptions(root=tmp_path, model=default_model.path(), camera="0"))


def test_pipe_in_the_place_of_the_configuration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / CONFIG.relative_to("/")
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    with pytest.raises(BadInput, match="not a regular file"):
        prepare(ServiceOptions(root=tmp_path))


def test_pipes_and_large_files_are_errors(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_bytes(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"12345")
    assert read_bytes(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_bytes(tmp_path / "file", 4)
    (tmp_path / trusted_keys.REVOKED).parent.mkdir(parents=True)
    os.mkfifo(tmp_path / trusted_keys.REVOKED)
    with pytest.raises(OSError, match="not a regular file"):
        trusted_keys.read_revoked(tmp_path)


def test_messages_are_one_printable_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Status(None, tmp_path / "log").note("a\nb\x1b[2J\udcff é")
    complain("x\ry")
    out, err = capsys.readouterr()
    assert out == "a\\nb\\x1b[2J\\udcff é\n"
    assert err == "edgevision install: error: x\\ry\n"
    assert (tmp_path / "log").read_text() == out
