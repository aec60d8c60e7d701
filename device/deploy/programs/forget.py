"""Remove what a deployment uploaded."""

import shutil
from contextlib import suppress
from pathlib import Path


def main(argument: dict[str, object]) -> dict[str, object]:
    """Remove the folder of uploads, and what contains nothing else."""
    folder = Path.home() / ".cache/edgevision/upload"
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()
        folder.parents[1].rmdir()
    return {"removed": str(folder)}
