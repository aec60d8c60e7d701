"""Configuration of one output: what ``--to`` and one table of ``[[outputs]]`` say."""

from __future__ import annotations

from typing import Any

from edgevision.records import record

from .delivery import Delivery


@record
class OutputConfig:
    """One output. Its ``repr`` shows no target, since a URL may hold a secret."""

    kind: str
    """Key of ``registry.KINDS``."""
    target: str
    """What follows the kind in the spec: a path, an address, a line of a GPIO chip."""
    delivery: Delivery
    settings: Any
    """Record of settings of this kind, see ``Kind.settings``."""

    def __repr__(self) -> str:
        return f"OutputConfig({self.kind})"

    @property
    def spec(self) -> str:
        """The spec as ``parse_spec`` takes it."""
        return f"{self.kind}:{self.target}"
