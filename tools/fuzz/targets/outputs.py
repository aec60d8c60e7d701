"""Configurations of outputs, and what others send to them."""

from __future__ import annotations

import json
from pathlib import Path

from edgevision.device.outputs import parse
from edgevision.device.outputs.mqtt.commands import BadCommand, parse_command
from edgevision.device.outputs.registry import find


def read_table(data: bytes, folder: Path) -> None:
    """Read a table of ``[[outputs]]``, or a spec of ``--to``, given as JSON; write it and read it again."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    config = parse.from_file(value)
    kind = find(config.kind)
    kind.needs(config)
    assert kind.shown(config).isprintable()
    assert parse.from_file(parse.to_table(config)) == config
    parse.placed(config, folder, relative=True)


def read_command(data: bytes, folder: Path) -> None:
    """Read the name and, after the first line feed, the payload of a command by MQTT."""
    name, _, payload = data.partition(b"\n")
    for retained in (False, True):
        try:
            command = parse_command(name.decode("utf-8", "replace"), payload, retained)
        except BadCommand as error:
            assert str(error).isprintable()
            assert len(str(error)) < 1000
        else:
            assert not retained
            assert command.value is None or 0 <= float(command.value) <= 1
