"""Where the images of a conversion may come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from edgevision.convert.images.image_files import find

from edgevision.errors import MissingFile


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
def test_calibration_images_are_not_read_from_other_kinds_of_files(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photos.zip"
    if kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(MissingFile, match=f"^--calibration must be a file, but .* is {kind}$"):
        find(path)
