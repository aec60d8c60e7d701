"""Where the files of a service are on its machine, by the loop that it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from edgevision.errors import UsageError

from ..installer.base.errors import Refused
from ..installer.base.loop import UNITS, UNNAMED, Loop, named

ROOT = PurePosixPath("/")


@dataclass(frozen=True, slots=True)
class Places:
    """Absolute paths of one loop's service."""

    loop: Loop = UNNAMED

    @property
    def unit(self) -> PurePosixPath:
        """The unit file."""
        return ROOT / UNITS / self.loop.unit

    @property
    def wanted(self) -> PurePosixPath:
        """The link that starts it at boot."""
        return self.unit.parent / "multi-user.target.wants" / self.unit.name

    @property
    def config(self) -> PurePosixPath:
        """The configuration that ``service install`` writes."""
        return ROOT / self.loop.settings / "run.toml"

    @property
    def model(self) -> PurePosixPath:
        """The copy of the model beside it."""
        return self.config.parent / "model.tflite"

    @property
    def second_model(self) -> PurePosixPath:
        """The copy of the second model beside it."""
        return self.config.parent / "then.tflite"

    @property
    def state(self) -> PurePosixPath:
        """The only folder that it can write to."""
        return ROOT / "var/lib" / self.loop.slug


UNNAMED_PLACES = Places()


def places_of(name: str | None) -> Places:
    """Return the places of the loop with a name; None: the one without. Raises UsageError."""
    try:
        return Places(named(name))
    except Refused as error:
        raise UsageError(f"--name: {error}") from None
