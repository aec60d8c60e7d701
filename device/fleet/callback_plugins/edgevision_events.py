"""Ansible callback: write what happens to each host as lines of JSON to a file descriptor, for the command line to show."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: edgevision_events
type: stdout
short_description: Lines of JSON for edgevision
description: Used by edgevision deploy --inventory and edgevision fleet; nothing is printed.
"""
VARIABLE = "EDGEVISION_EVENTS_FD"
KEYS = (
    "address",
    "state",
    "release",
    "reason",
    "checks",
    "uploaded_bytes",
    "rate_fps",
    "seconds",
    "log",
    "note",
    "device",
    "msg",
    "module_stderr",
    "censored",
)
"""What is passed on of a result. A task with no_log has none of it."""
MAX_TEXT = 4000


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types
    """One line for each task and host."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "edgevision_events"

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Report the name of a play."""
        write({"event": "play", "play": play.get_name()})

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Report that a task begins on a host."""
        write(described("start", host, task))

    def v2_runner_on_ok(self, result: Any) -> None:
        """Report a success."""
        write(ended("ok", result))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Report a failure."""
        write(ended("failed", result))

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Report a host that cannot be reached."""
        write(ended("unreachable", result))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Report the end."""
        write({"event": "end"})


def described(event: str, host: Any, task: Any) -> dict[str, Any]:
    """Return an event of a task on a host."""
    return {"event": event, "host": host.get_name(), "task": task.action}


def ended(event: str, result: Any) -> dict[str, Any]:
    """Return an event of a result; Ansible up to 2.18 has the fields under private names only."""
    host, task, values = (
        getattr(result, name, None) or getattr(result, f"_{name}") for name in ("host", "task", "result")
    )
    found = {key: values[key] for key in KEYS if key in values}
    found |= {key: str(found[key])[-MAX_TEXT:] for key in ("msg", "module_stderr") if key in found}
    return {**described(event, host, task), "result": found}


def write(event: dict[str, Any]) -> None:
    """Write one line, whole: a pipe keeps the lines of one process in order."""
    line = (json.dumps(event, default=str) + "\n").encode()
    target = int(os.environ[VARIABLE])
    while line:
        line = line[os.write(target, line) :]
