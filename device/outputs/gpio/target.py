"""The target of a GPIO output: chip, line and label."""

from __future__ import annotations

import re
from pathlib import Path

from edgevision.errors import BadInput
from edgevision.records import record

FAKE = "fake"
_TARGET = re.compile(r"(?:/dev/)?(gpiochip\d{1,3}|fake)/([A-Za-z0-9_.+-]{1,32})=(.+)", re.DOTALL | re.ASCII)
FORM = "CHIP/LINE=LABEL, such as gpiochip0/17=cat or gpiochip0/GPIO17=cat"


@record
class Target:
    """What follows ``gpio:``."""

    chip: str
    """Such as gpiochip0; ``fake`` for a line that only writes to the log."""
    line: int | str
    """Number or name of the line."""
    label: str

    def __str__(self) -> str:
        return f"line {self.line} of {self.chip}"

    @property
    def fake(self) -> bool:
        """Whether the line only writes to the log."""
        return self.chip == FAKE

    @property
    def device(self) -> Path:
        """Device file of the chip."""
        return Path("/dev") / self.chip


def parse(text: str) -> Target:
    """Return the parts of ``CHIP/LINE=LABEL``. Raises BadInput."""
    found = _TARGET.fullmatch(text)
    if found is None:
        raise BadInput(f"gpio: expected {FORM}, got {text!r:.200}")
    line: int | str = int(found[2]) if found[2].isascii() and found[2].isdecimal() else found[2]
    if isinstance(line, int) and line > 65535:
        raise BadInput(f"gpio: expected the number of a line, 0 to 65535, got {line:.3g}")
    return Target(found[1], line, found[3])
