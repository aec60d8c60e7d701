"""Back ends by the code name of the OS."""

from __future__ import annotations

from .bookworm import Bookworm
from .protocol import Backend as Backend
from .protocol import Seed as Seed
from .trixie import Trixie

BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (Bookworm(), Trixie())}
