"""Ansible module: describe a device, its releases and its service."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.edgevision_probe import main as probe

DOCUMENTATION = """
module: edgevision_info
short_description: Describe a device, its edgevision releases and its service
description: Reads only. Needs nothing on the device but Python.
author: edgevision
options:
  address: {description: Address of the device, which is returned for reports., type: str, default: ""}
"""
EXAMPLES = """
- name: Ask the device what it has
  edgevision_info:
  register: edgevision_found
"""
RETURN = """
address:
  description: The address that was given.
  returned: always
  type: str
device:
  description: Hardware, system, releases, service and the state of the loop.
  returned: always
  type: dict
"""


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(argument_spec={"address": {"type": "str", "default": ""}}, supports_check_mode=True)
    module.exit_json(changed=False, address=module.params["address"], device=probe({}))


if __name__ == "__main__":
    main()
