"""Description of a kind of output, which its module declares as KIND."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Literal

from edgevision.files.url_secrets import masked
from edgevision.records import record
from edgevision.settings import Setting, settings_of

from .config import OutputConfig
from .delivery import Delivery
from .protocol import Context, Output

Target = Literal["text", "file", "folder"]


def _masked(config: OutputConfig) -> str:
    return masked(config.spec)


@record
class NoSettings:
    """Settings of an output that has none of its own."""


@record(eq=False, kw_only=True)
class Needs:
    """What an output needs from the machine; the service opens exactly that."""

    network: bool = False
    """Whether it connects to other machines or is reached from there."""
    loopback: bool = False
    """Whether it is reached from this machine alone."""
    devices: tuple[str, ...] = ()
    """Device files that it opens."""
    groups: tuple[str, ...] = ()
    """Groups that may open these."""
    writes: tuple[str, ...] = ()
    """Files and folders that it writes."""
    programs: tuple[str, ...] = ()
    """Programs that it starts."""
    listens: tuple[tuple[str, int], ...] = ()
    """Host and port of the addresses that it listens on."""
    credential: str | None = None
    """Name of the systemd credential that holds its secret, if none is configured; it may be missing."""
    secret: bool = False
    """Whether the configuration itself may hold a secret, such as an address with a token."""


class Kind:
    """What a kind of output is: its settings, its checks, and how it is opened."""

    def __init__(
        self,
        open: Callable[[OutputConfig, Context], Output],
        *,
        settings: type = NoSettings,
        check: Callable[[OutputConfig], OutputConfig] = lambda config: config,
        needs: Callable[[OutputConfig], Needs] = lambda _: Needs(),
        target: Target = "text",
        whole_images: bool = False,
        probe: Callable[[OutputConfig], str] | None = None,
        libraries: Mapping[str, str] | None = None,
        shown: Callable[[OutputConfig], str] = _masked,
    ) -> None:
        """
        Args:
            open: Makes the output; may raise EdgeVisionError, but does not connect to anything yet.
            settings: Record of the settings of this kind.
            check: Validates the configuration and returns it, completed if need be. Raises BadInput.
            needs: What the machine must allow.
            probe: Returns in one line that the output could work, for ``edgevision doctor``, without sending anything.
                Raises EdgeVisionError, OSError.
            target: What the target is; a file or folder is relative to the configuration file.
            whole_images: Whether its images are for people, so that cameras decode more than the model needs.
            libraries: Optional libraries, by the module that is imported: name of the extra that brings them.
            shown: Returns the spec for display, if hiding credentials in URLs is not enough.
        """
        self.open, self.settings, self.check, self.needs, self.probe = open, settings, check, needs, probe
        self.target, self.whole_images = target, whole_images
        self.libraries, self.shown = dict(libraries or {}), shown

    @cached_property
    def all_settings(self) -> Mapping[str, Setting]:
        """The settings that a configuration may have, by field name."""
        return {**settings_of(Delivery), **settings_of(self.settings)}
