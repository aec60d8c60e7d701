"""Ansible action on the machine that runs it: send a bundle, and follow the device until it has decided."""

from __future__ import annotations

import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

SCHEMA = "edgevision.request/1"
INSTALLER = "install.pyz"
WAIT_S = 20.0
"""Seconds for which one call waits on the device."""
LOST_S = 60.0
"""Seconds for which a device may not answer during its trial."""
INSTALL_S = 1800.0
SPEC: dict[str, dict[str, Any]] = {
    "made": {"type": "dict", "required": True},
    "device": {"type": "dict", "required": True},
    "trust": {"type": "list", "elements": "path", "default": []},
    "frames": {"type": "int", "default": 20},
    "time_limit": {"type": "float", "default": 180.0},
    "min_fps": {"type": "float", "default": -1.0},
    "share": {"type": "float", "default": 0.8},
}
Result = dict[str, Any]


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """Compare, send, ask, wait; the decision is the device's."""

    TRANSFERS_FILES = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        """Bring the device to the release, or report why not."""
        result: Result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(argument_spec=SPEC)
        made, installed = given["made"], given["device"]["installed"]
        result |= {"state": made["state"], "reason": made.get("problem", ""), "checks": made.get("checks", [])}
        result |= {"release": {"from": installed["current"], "to": made.get("release")}, "uploaded_bytes": 0}
        if made["state"] != "ready":
            return {**result, "failed": True, "msg": result["reason"]}
        if runs(installed, made["release"]):
            rate = (installed["health"] or {}).get("rate_fps")
            return {**result, "changed": False, "state": "unchanged", "rate_fps": {"before": rate, "after": rate}}
        difference = {"before": f"{installed['current'] or 'nothing'}\n", "after": f"{made['release']}\n"}
        result |= {"changed": True, "diff": {**difference, "before_header": "release", "after_header": "release"}}
        if self._task.check_mode:
            return {**result, "state": "planned", "uploaded_bytes": Path(made["path"]).stat().st_size}
        began = time.monotonic()
        answer, sent = self._install(given, task_vars or {})
        return finished({**result, "uploaded_bytes": sent}, answer, time.monotonic() - began)

    def _install(self, given: Result, task_vars: dict[str, Any]) -> tuple[Result, int]:
        """Send the files and the request; return the last answer of the module, and the bytes sent."""
        bundle = Path(given["made"]["path"])
        sent = [bundle, *map(Path, given["trust"])]
        paths = {path: self._send(path) for path in sent}
        arguments: Result = {"request": request(given, paths, bundle), "wait_s": WAIT_S}
        if not given["device"]["installed"]["manager"]:  # first contact: the installer of the bundle does the work
            with tempfile.TemporaryDirectory() as folder:
                sent.append(installer_of(bundle, Path(folder)))
                arguments["installer"] = self._send(sent[-1])
                size = sum(path.stat().st_size for path in sent)
        else:
            size = sum(path.stat().st_size for path in sent)
        installed = given["device"]["installed"]
        return self._followed(arguments, task_vars, installed, given["made"]["release"]), size

    def _send(self, path: Path) -> str:
        """Send a file into the temporary folder of this task, and return where it is."""
        target = str(self._connection._shell.join_path(self._connection._shell.tmpdir, path.name))
        self._transfer_file(str(path), target)
        self._fixup_perms2((self._connection._shell.tmpdir, target))
        return target

    def _followed(self, arguments: Result, task_vars: dict[str, Any], before: Result, new: str) -> Result:
        """Call the module until the device has decided; a connection that breaks is made again for a minute."""
        began = answered = time.monotonic()
        while True:
            try:
                answer: Result = self._execute_module("edgevision_release", arguments, task_vars=task_vars)
            except AnsibleConnectionFailure:
                if time.monotonic() - answered > LOST_S:
                    raise
                self._connection.reset()
                time.sleep(1)
                arguments = {"wait_s": WAIT_S}
                continue
            answered = time.monotonic()
            if answer.get("failed") or answer.get("outcome") is not None:
                return answer
            if not answer.get("running"):
                return answer | {"outcome": decided(answer.get("installed") or {}, before, new)}
            if answered - began > INSTALL_S:
                return {"failed": True, "msg": f"no decision within {INSTALL_S:g} s"}
            arguments = {"wait_s": WAIT_S}


def decided(now: Result, before: Result, new: str) -> Result | None:
    """Return the outcome of an update that nobody could write down, as after a power cut; None if none was decided."""
    state, since = now.get("state") or {}, (before["state"] or {}).get("since")
    if state.get("since") == since or state.get("state") not in ("confirmed", "reverted", "stopped"):
        return None
    failed = {one["release"]: one["reason"] for one in state.get("bad", [])}
    confirmed = state["state"] == "confirmed"
    if (new != now.get("current")) if confirmed else (new not in failed):
        return None
    old = before["current"] if confirmed else now["current"] if now["current"] != new else None
    reason = "" if confirmed else failed[new]
    return {"state": state["state"], "release": {"from": old, "to": new}, "reason": reason}


def runs(installed: Result, release: str) -> bool:
    """Return whether a device runs a release that it has confirmed, so that nothing is to be done."""
    state = (installed["state"] or {}).get("state", "confirmed")
    active = installed["service"].get("ActiveState") == "active"
    return bool(installed["current"] == release and state == "confirmed" and active)


def request(given: Result, paths: dict[Path, str], bundle: Path) -> Result:
    """Return what the manager of the device is asked for."""
    return {
        "schema": SCHEMA,
        "verb": "update",
        "bundle": paths[bundle],
        "trust": [paths[Path(one)] for one in given["trust"]],
        "frames": given["frames"],
        "within_s": given["time_limit"],
        "min_fps": given["min_fps"] if given["min_fps"] >= 0 else None,
        "share": given["share"],
    }


def installer_of(bundle: Path, folder: Path) -> Path:
    """Unpack the installer of a bundle; the device checks everything else itself."""
    with tarfile.open(bundle, "r:xz") as archive:
        member = archive.extractfile(INSTALLER)
        assert member is not None
        (folder / INSTALLER).write_bytes(member.read())
    return folder / INSTALLER


def finished(result: Result, answer: Result, seconds: float) -> Result:
    """Return the result of the task from the last answer; a release that was not kept is a failure."""
    outcome = answer.get("outcome") or {}
    result["seconds"] = {**outcome.get("seconds", {}), "total": round(seconds, 2)}
    if not outcome:
        said = answer.get("msg") or "the update ended without an outcome; see: edgevision deploy logs USER@HOST"
        return {**result, "failed": True, "state": "refused", "reason": said, "msg": said}
    result |= {key: outcome[key] for key in ("state", "reason", "rate_fps", "log") if key in outcome}
    result["release"] = outcome.get("release") or result["release"]
    result["changed"] = result["state"] != "unchanged"
    if result["state"] in ("confirmed", "unchanged"):
        return result
    kept = result["release"]["from"]
    back = {"stopped": "; the service is stopped", "refused": ", and nothing changed"}
    said = f"{result['release']['to']} was not kept: {result['reason']}"
    said += back.get(result["state"], f"; {kept} runs again")
    return {**result, "failed": True, "msg": said}
