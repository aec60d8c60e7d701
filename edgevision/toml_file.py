"""Reading a configuration file: TOML, or one line that says what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .errors import BadInput
from .files import require_file


def read(path: Path, wanted: str) -> tuple[str, dict[str, Any]]:
    """The text of a file and what it says; ``wanted``: what --config takes. Raises MissingFile, BadInput."""
    import tomllib  # late: most starts of the loop read no file

    require_file(path, "config file")
    try:
        text = path.read_bytes().decode("utf-8")
        return text, tomllib.loads(text)
    except UnicodeDecodeError:
        raise BadInput(f"{path} is no text file; --config takes {wanted}") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: {error}") from None
