"""Ansible action on the machine that runs it: send a bundle, and follow the device until it has decided."""

from __future__ import annotations

import hashlib
import json
import shlex
import tarfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

SCHEMA = "edgevision.request/1"
INSTALLER = "install.pyz"
WAIT_S = 20.0
"""Seconds for which one call waits on the device."""
LOST_S = 60.0
"""Seconds for which a device may not answer during its trial."""
INSTALL_S = 1800.0
PROGRAMS = Path(__file__).resolve().parents[1] / "module_utils"
CALL = """
import json, sys
sys.stdout.write(json.dumps(main(json.loads(sys.stdin.buffer.readline()))))
"""
"""Follows the text of a program: its argument is the first line of standard input."""
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
        """Send the files and the request; return the last answer of the module, and the bytes sent.

        If the connection breaks, what arrived stays, and the next deployment continues there.
        """
        files, installed = files_of(given), given["device"]["installed"]
        paths, sent = upload(files, given["device"]["uploads"], self._program)
        arguments: Result = {"request": request(given, paths), "wait_s": WAIT_S}
        if not installed["manager"]:  # first contact: the installer of the bundle does the work
            arguments["installer"] = paths[INSTALLER]
        answer = self._followed(arguments, task_vars, installed, given["made"]["release"])
        with suppress(AnsibleConnectionFailure, AnsibleActionFail):
            self._program("forget", {}, b"")
        return answer, sent

    def _program(self, name: str, argument: Result, data: bytes) -> Result:
        """Run a program of ``edgevision deploy`` on the device, as modules are run, and return its answer."""
        if not self._connection.has_pipelining:
            raise AnsibleActionFail(f"the connection {self._connection.transport} sends no data to commands; use ssh")
        text = (PROGRAMS / f"edgevision_{name}.py").read_text(encoding="utf-8") + CALL
        command = f"/usr/bin/python3 -I -c {shlex.quote(text)}"
        done = self._low_level_execute_command(command, in_data=json.dumps(argument).encode() + b"\n" + data)
        if done["rc"] != 0:
            lines = [line for line in done["stderr"].splitlines() if line.strip()] or [f"exit status {done['rc']}"]
            raise AnsibleActionFail(f"the upload failed: {lines[-1].strip()}")
        try:
            answer = json.loads(done["stdout"])
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise AnsibleActionFail("the device gave an answer to the upload that cannot be read")
        return answer

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


def files_of(given: Result) -> dict[str, bytes]:
    """Return name -> content of what a device gets: the bundle, keys, and for the first contact the installer."""
    bundle = Path(given["made"]["path"])
    data = bundle.read_bytes()
    files = {bundle_name(data): data} | {path.name: path.read_bytes() for path in map(Path, given["trust"])}
    if not given["device"]["installed"]["manager"]:
        files[INSTALLER] = installer_of(bundle)
    return files


def bundle_name(data: bytes) -> str:
    """Return the name of a bundle on a device: that of its content, so that only the same one is continued."""
    return f"{hashlib.sha256(data).hexdigest()}.tar.xz"


def upload(
    files: Mapping[str, bytes], there: Mapping[str, int], run: Callable[[str, Result, bytes], Result]
) -> tuple[dict[str, str], int]:
    """Send files, continuing with a bundle that came in part; return where each one is, and the bytes sent.

    ``there``: name -> size of what an earlier deployment left. ``run``: runs a program on the device. Raises AnsibleActionFail.
    """
    paths: dict[str, str] = {}
    sent = 0
    for name, data in files.items():
        begun = there.get(f"{name}.part", 0) if name == bundle_name(data) else 0
        offset = begun if begun <= len(data) else 0
        digest = hashlib.sha256(data).hexdigest()
        argument = {"name": name, "sha256": digest, "bytes": len(data), "offset": offset, "keep": [*files]}
        answer = run("receive", argument, data[offset:])
        if "path" not in answer:
            raise AnsibleActionFail(f"the upload of {name} failed ({answer.get('error')}); try again")
        paths[name], sent = str(answer["path"]), sent + len(data) - offset
    return paths, sent


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


def request(given: Result, paths: Mapping[str, str]) -> Result:
    """Return what the manager of the device is asked for."""
    return {
        "schema": SCHEMA,
        "verb": "update",
        "bundle": next(path for name, path in paths.items() if name.endswith(".tar.xz")),
        "trust": [paths[Path(one).name] for one in given["trust"]],
        "frames": given["frames"],
        "within_s": given["time_limit"],
        "min_fps": given["min_fps"] if given["min_fps"] >= 0 else None,
        "share": given["share"],
    }


def installer_of(bundle: Path) -> bytes:
    """Unpack the installer of a bundle; the device checks everything else itself."""
    with tarfile.open(bundle, "r:xz") as archive:
        member = archive.extractfile(INSTALLER)
        assert member is not None
        return member.read()


def finished(result: Result, answer: Result, seconds: float) -> Result:
    """Return the result of the task from the last answer; a release that was not kept is a failure."""
    outcome = answer.get("outcome") or {}
    result["seconds"] = {**outcome.get("seconds", {}), "total": round(seconds, 2)}
    if not outcome:
        said = answer.get("msg") or "the update ended without an outcome; see: edgevision deploy logs USER@HOST"
        return {**result, "failed": True, "state": "refused", "reason": said, "msg": said}
    result |= {key: outcome[key] for key in ("state", "reason", "rate_fps", "log", "note") if key in outcome}
    result["release"] = outcome.get("release") or result["release"]
    result["changed"] = result["state"] != "unchanged"
    if result["state"] in ("confirmed", "unchanged"):
        return result
    kept = result["release"]["from"]
    back = {"stopped": "; the service is stopped", "refused": ", and nothing changed"}
    said = f"{result['release']['to']} was not kept: {result['reason']}"
    said += back.get(result["state"], f"; {kept} runs again")
    return {**result, "failed": True, "msg": said}
