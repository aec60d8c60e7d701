"""The Ansible role as files: for a playbook of one's own, or for one run."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from edgevision.errors import OutputExists
from edgevision.files.atomic import write_bytes

NAME = "edgevision"
FOLDERS = ("action_plugins", "defaults", "handlers", "library", "meta", "tasks")
PROGRAMS = ("probe", "receive", "forget")
"""What ``edgevision deploy`` runs on a device; ``probe`` has the name that modules import it by."""
_NOT_OURS = ("__init__.py", "__pycache__")


def export(folder: Path) -> Path:
    """Write the role below a folder, as ``edgevision``, and return its path. Raises OutputExists, CannotWrite."""
    target = folder / NAME
    if target.exists():
        raise OutputExists(f"{target} exists already; remove it, or choose another folder with --export")
    place(target)
    return target


def place(target: Path) -> None:
    """Write the files of the role. Raises CannotWrite."""
    role = resources.files(__package__) / "role"
    files = {Path(one.name): one for one in role.iterdir() if one.name.endswith(".md")}
    for name in FOLDERS:
        files |= {Path(name, one.name): one for one in (role / name).iterdir() if one.name not in _NOT_OURS}
    programs: Traversable = resources.files(__package__.rpartition(".")[0] + ".deploy") / "programs"
    files |= {Path("module_utils", f"edgevision_{name}.py"): programs / f"{name}.py" for name in PROGRAMS}
    for path, source in files.items():
        (target / path.parent).mkdir(parents=True, exist_ok=True)
        write_bytes(target / path, source.read_bytes())


def place_playbook(folder: Path, name: str) -> Path:
    """Write one of our playbooks with the role and the callback that it needs; return its path. Raises CannotWrite."""
    place(folder / "roles" / NAME)
    here = resources.files(__package__)
    plugin = here / "callback_plugins" / "edgevision_events.py"
    (folder / "callback_plugins").mkdir()
    write_bytes(folder / "callback_plugins" / plugin.name, plugin.read_bytes())
    write_bytes(folder / name, (here / name).read_bytes())
    return folder / name
