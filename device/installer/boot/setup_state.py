"""Progress of the installation, kept on the root file system, which survives power cuts better than the SD card's FAT."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..base import strict_json
from ..base.atomic_files import place_text
from ..base.inside import inside
from ..base.regular_files import read_bytes
from .setup_unit import HOME

FILE = HOME / "state.json"


@dataclass(frozen=True, slots=True)
class SetupState:
    """State that is kept from one boot to the next."""

    attempts: int = 0
    """Number of attempts started and not known to have ended."""
    settled: bool = False
    """Whether all settings of the SD card were processed."""
    problems: tuple[str, ...] = ()
    """Settings that could not be applied, one line each."""
    said: str = ""
    """Summary of the installation; empty until the service runs."""

    @classmethod
    def load(cls, root: Path) -> SetupState:
        """Load the state; a missing or damaged file gives an initial one."""
        try:
            value = strict_json.loads(read_bytes(inside(root, FILE)))
            problems = tuple(map(str, value["problems"]))
            return cls(int(value["attempts"]), bool(value["settled"]), problems, str(value["said"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def save(self, root: Path) -> None:
        """Save the state. Raises OSError."""
        place_text(inside(root, FILE, follow=False), json.dumps(asdict(self)) + "\n")

    def settings_made(self, problems: Sequence[str]) -> SetupState:
        """Return the state after the settings were processed."""
        return replace(self, settled=True, problems=tuple(problems))

    def begun(self) -> SetupState:
        """Return the state with one more attempt."""
        return replace(self, attempts=self.attempts + 1)

    def ended(self) -> SetupState:
        """Return the state after an attempt that ended by itself, even with an error."""
        return replace(self, attempts=0)

    def reached(self, said: str) -> SetupState:
        """Return the state with a summary, once the service runs."""
        return replace(self, said=said)
