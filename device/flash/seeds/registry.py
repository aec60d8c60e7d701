"""The systems that can be prepared, by name."""

from __future__ import annotations

from .bookworm import Bookworm
from .protocol import Backend as Backend
from .protocol import Seed as Seed
from .trixie import Trixie

BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (Bookworm(), Trixie())}
