"""Ansible action on the machine that runs it: make what one device gets of a bundle or a model and its options."""

from __future__ import annotations

import json
import lzma
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

SECONDS = 1800
MAX_MANIFEST = 2**20
SPEC: dict[str, dict[str, Any]] = {
    "source": {"type": "str", "required": True},
    "device": {"type": "dict", "required": True},
    "config": {"type": "str", "default": ""},
    "camera": {"type": "str", "default": "", "no_log": True},
    "options": {"type": "dict", "default": {}, "no_log": True},
    "sign_key": {"type": "str", "default": "", "no_log": False},
    "allow_downgrade": {"type": "bool", "default": False},
    "full": {"type": "bool", "default": False},
    "wheels": {"type": "str", "default": ""},
    "command": {"type": "list", "elements": "str", "default": ["edgevision"]},
    "cache": {"type": "str", "default": ""},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """Return ``made``: path, release, checks, and the problem if there is one; it never fails, since it must not be logged."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make the file."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(argument_spec=SPEC)
        host = str((task_vars or {}).get("inventory_hostname"))
        try:
            made = of_bundle(given) if is_plain(given) else of_edgevision(given, host)
        except (AnsibleActionFail, OSError, ValueError, subprocess.TimeoutExpired) as error:
            made = {"state": "failed", "problem": " ".join(str(error).split())[:1000]}
        return {**result, "changed": False, "made": made}


def is_plain(given: dict[str, Any]) -> bool:
    """Return whether the source is a bundle that goes to the device as it is, so that edgevision is not needed here."""
    changes = given["camera"] or given["options"] or given["allow_downgrade"]
    return bool(given["source"].endswith(".tar.xz") and not changes and given["command"] == ["edgevision"])


def of_bundle(given: dict[str, Any]) -> dict[str, Any]:
    """Return a bundle as it is; the device checks it."""
    path = Path(given["source"]).absolute()
    try:
        with lzma.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            first = archive.next()
            content = archive.extractfile(first) if first is not None and first.size <= MAX_MANIFEST else None
            manifest = json.loads(content.read()) if content is not None else {}
        release = str(manifest["id"])
    except (lzma.LZMAError, tarfile.TarError, EOFError, LookupError, ValueError, TypeError):
        raise AnsibleActionFail(f"not a bundle: {path}; make one with: edgevision bundle MODEL") from None
    return {"state": "ready", "path": str(path), "release": release, "checks": [], "problem": ""}


def of_edgevision(given: dict[str, Any], host: str) -> dict[str, Any]:
    """Let edgevision make what this device lacks. The request goes through standard input, since it may hold a password."""
    command = [*given.pop("command"), "fleet", "package"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps({"host": host, **given}),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise AnsibleActionFail(
            f"{command[0]} not found on the machine that runs Ansible; install edgevision there, or set edgevision_command; "
            "without it, use a bundle and no edgevision_camera or edgevision_options"
        ) from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise AnsibleActionFail(lines[-1].removeprefix("edgevision fleet package: error: ").removeprefix("error: "))
    made = json.loads(done.stdout)
    if not isinstance(made, dict):
        raise AnsibleActionFail("edgevision fleet package gave an answer that cannot be read")
    return made
