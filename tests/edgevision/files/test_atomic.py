"""Files are written whole or not at all, however the process ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgevision import cleanup
from edgevision.errors import CannotWrite
from edgevision.files.atomic import write_bytes


def test_process_that_ends_while_the_disk_is_slow_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = []

    def ends(_: int) -> None:
        cleanup.run_all(143)
        left.extend(tmp_path.iterdir())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", ends)
    with pytest.raises(CannotWrite, match="No space left"):
        write_bytes(tmp_path / "run.json", b"{}")
    assert left == [] == list(tmp_path.iterdir())


def test_file_is_replaced_whole(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"old")
    write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new" and len(list(tmp_path.iterdir())) == 1
