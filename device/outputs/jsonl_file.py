"""``jsonl:PATH``: one JSON object per line, the same objects as ``run --json --events`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.byte_sizes import format_bytes, parse_bytes
from edgevision.records import record
from edgevision.settings import setting

from ..sinks.jsonl import dump
from .kind import Kind, Needs
from .protocol import Output
from .rotating_file import RotatingFile

if TYPE_CHECKING:
    from .config import OutputConfig
    from .item import Item
    from .protocol import Context


@record(kw_only=True)
class FileSettings:
    """Settings of an output that is a text file."""

    max_size: int | None = setting(
        None,
        "text",
        "Begin a new file at this size.",
        form="a size, such as 10MB",
        parse=parse_bytes,
        unparse=format_bytes,
        default_text="no limit",
    )
    daily: bool = setting(False, "flag", "Begin a new file every day (UTC).")
    keep: int = setting(7, "int", "Number of finished files to keep.", low=0, high=100_000)


class JsonLinesFile(Output):
    """Appends every item as one line."""

    def __init__(self, file: RotatingFile) -> None:
        self._file = file

    def start(self) -> None:
        """Open the file. Raises CannotWrite."""
        self._file.open()

    def deliver(self, item: Item) -> None:
        """Append one line. Raises CannotWrite."""
        self._file.write(dump(item.record()))

    def idle(self) -> None:
        """Bring everything to the disk. Raises CannotWrite."""
        self._file.sync()

    def close(self) -> None:
        """Close the file. Raises CannotWrite."""
        self._file.close()


def rotating_file(config: OutputConfig, context: Context, header: str | None = None) -> RotatingFile:
    """Return the file of an output with ``FileSettings``."""
    chosen: FileSettings = config.settings
    return RotatingFile(
        Path(config.target),
        context.clock.wall,
        max_bytes=chosen.max_size,
        daily=chosen.daily,
        keep=chosen.keep,
        header=header,
    )


KIND = Kind(
    lambda config, context: JsonLinesFile(rotating_file(config, context)),
    settings=FileSettings,
    needs=lambda config: Needs(writes=(config.target,)),
    target="file",
)
