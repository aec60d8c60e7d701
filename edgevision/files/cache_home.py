"""The folder for files that can be made or fetched again, chosen by the rules of XDG."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def cache_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Return $XDG_CACHE_HOME/edgevision, or that of the user's home if the variable is unset or relative. May not exist."""
    home = environment.get("XDG_CACHE_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".cache") / "edgevision"
