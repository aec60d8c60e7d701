"""Run with the Python of a Trixie root: its cloud-init and netplan read the prepared files as at a first boot.

Arguments: one folder per case, with ``user-data`` and ``network-config``; netplan's file is written below it.
Prints one JSON object: folder -> error, or null.
"""

import json
import sys
import tempfile
from pathlib import Path

import yaml
from cloudinit.config.schema import SchemaType, get_schema, validate_cloudconfig_schema
from cloudinit.distros import ug_util
from netplan.parser import Parser
from netplan.state import State

ACCOUNTS = get_schema()
NETWORK = get_schema(SchemaType.NETWORK_CONFIG)


class Distro:
    """Distro with the default account of Raspberry Pi OS images."""

    name = "debian"

    def get_default_user(self):
        return {"name": "pi", "lock_passwd": True, "groups": ["adm", "sudo"], "sudo": ["ALL=(ALL) NOPASSWD:ALL"]}


def read(folder):
    """Return the accounts that cloud-init would create; write netplan's file as cloudinit/net/netplan.py does."""
    data = yaml.safe_load((folder / "user-data").read_text())
    validate_cloudconfig_schema(data, schema=ACCOUNTS, strict=True)
    network = yaml.safe_load((folder / "network-config").read_text())
    validate_cloudconfig_schema(network["network"], NETWORK, SchemaType.NETWORK_CONFIG, strict=True)
    parser, state = Parser(), State()
    with tempfile.TemporaryFile("w+") as stream:
        stream.write(yaml.dump(network, line_break="\n", indent=4, default_flow_style=False))
        stream.flush()
        stream.seek(0)
        parser.load_yaml(stream)
    state.import_parser_results(parser)
    (folder / "etc/netplan").mkdir(parents=True)
    state._write_yaml_file("50-cloud-init.yaml", str(folder))
    return ug_util.normalize_users_groups({**data, "users": ["default"]}, Distro())[0]


found = {}
for name in sys.argv[1:]:
    try:
        found[name] = {"users": read(Path(name)), "wrong": None}
    except Exception as error:
        found[name] = {"users": {}, "wrong": repr(error)}
print(json.dumps(found))
