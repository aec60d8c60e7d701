"""Ansible module, the part on the device: ask the device to install a bundle, and wait until it has decided."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.edgevision_probe import HOME, parsed, properties
from ansible.module_utils.edgevision_probe import main as probe

DOCUMENTATION = """
module: edgevision_release
short_description: Install a release of edgevision, and keep it if it works
description:
  - Sends a bundle to the device, which installs it beside the current release, tries it, and takes it back if it does not work.
  - Fails for a device that took the release back. Nothing is restarted where the release runs already.
  - Runs as root, or as a user who may run the manager of edgevision with sudo (edgevision deploy allow).
author: edgevision
options:
  made: {description: What edgevision_bundle returned., type: dict, required: true}
  device: {description: What edgevision_info returned., type: dict, required: true}
  trust: {description: Public keys that the device trusts from now on., type: list, elements: str, default: []}
  frames: {description: Frames that the new release must recognize., type: int, default: 20}
  time_limit: {description: Seconds that it has for them., type: float, default: 180}
  min_fps: {description: Lowest frame rate to accept; below 0 it is a share of the rate before., type: float, default: -1}
  share: {description: Lowest frame rate as a share of the rate before., type: float, default: 0.8}
"""
EXAMPLES = """
- name: Install it, and wait until the device has decided
  edgevision_release:
    made: "{{ edgevision_made.made }}"
    device: "{{ edgevision_found.device }}"
"""
RETURN = """
state:
  description: confirmed, unchanged, planned (check mode), reverted, stopped, refused or not_ready.
  returned: always
  type: str
release:
  description: The release before (from) and the new one (to).
  returned: always
  type: dict
reason:
  description: Why it was not kept; empty otherwise.
  returned: always
  type: str
"""
PYTHON = ("/usr/bin/python3", "-I")
STEP_S = 0.5
START_S = 10.0
"""Seconds after which an update that does not run and has no outcome has failed."""


def main() -> None:
    """Send the request, if there is one, and wait a while for the outcome."""
    module = AnsibleModule(
        argument_spec={
            "request": {"type": "dict"},
            "installer": {"type": "str"},
            "wait_s": {"type": "float", "default": 20.0},
        }
    )
    request = module.params["request"]
    if request is not None:
        send(module, request)
    outcome, running = wait(module.params["wait_s"])
    installed = None if outcome is not None or running else probe({"only": "installed"})
    module.exit_json(changed=request is not None, outcome=outcome, running=running, installed=installed)


def send(module: AnsibleModule, request: dict[str, Any]) -> None:
    """Send a request to the manager, which is the installer of the bundle at the first contact."""
    manager = module.params["installer"] or str(HOME / "manager.pyz")
    command = [*([] if os.geteuid() == 0 else ["sudo", "-n"]), *PYTHON, manager, "remote"]
    status, out, err = module.run_command(command, data=json.dumps(request))
    if status != 0:
        lines = [line for line in (err or out).splitlines() if line.strip()]
        said = lines[-1].strip() if lines else f"exit status {status}"
        module.fail_json(msg=said.removeprefix("edgevision install: error: "))


def wait(seconds: float) -> tuple[object, bool]:
    """Return the outcome of the update, None until there is one, and whether it still runs."""
    began = time.monotonic()
    while True:
        outcome = parsed(HOME / "update/outcome.json")
        state = properties("edgevision-update.service", "ActiveState").get("ActiveState")
        running = state in ("active", "activating", "deactivating")
        passed = time.monotonic() - began
        if outcome is not None or passed > seconds or (not running and passed > START_S):
            return outcome, running
        time.sleep(STEP_S)


if __name__ == "__main__":
    main()
