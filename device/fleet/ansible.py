"""Run ansible-playbook: its inventories, connections and vaults apply; what happens to each host comes back as events."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from edgevision import children
from edgevision.errors import BadInput, EdgeVisionError, MissingDependency, MissingFile, one_line
from edgevision.files import strict_json
from edgevision.files.atomic import write_text
from edgevision.files.scratch import scratch_folder
from edgevision.log import Log

from .role_files import place_playbook

log = Log("edgevision.fleet")
PROGRAM = "ansible-playbook"
EVENTS_FD = "EDGEVISION_EVENTS_FD"
MAX_EVENT = 2**24
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AnsibleOptions:
    """Inventory and connection, as ansible-playbook takes them."""

    inventory: Path
    limit: str | None = None
    """Pattern of hosts; None: all."""
    check: bool = False
    vault_password_file: Path | None = None
    vault_password: str | None = field(default=None, repr=False)
    become_password: str | None = field(default=None, repr=False)
    """Password of sudo on the devices; None: not needed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How ansible-playbook ended."""

    status: int
    said: str
    """Its standard error and what it said outside of events."""


def play(
    name: str,
    options: AnsibleOptions,
    variables: Mapping[str, Any],
    tell: Callable[[Event], None],
    environment: Mapping[str, str] = os.environ,
) -> Ended:
    """Run one of our playbooks to its end; ``tell`` gets each event. Raises EdgeVisionError.

    ``variables``: they override those of the inventory, and hold no secrets.
    """
    program = find(environment)
    if not options.inventory.exists():
        raise MissingFile(f"inventory not found: {options.inventory}; it is a file or folder of Ansible")
    with scratch_folder(prefix="ev-fleet-") as folder:
        book = place_playbook(folder, name)
        write_text(folder / "variables.json", json.dumps(dict(variables)), private=True)
        command = [program, str(book), "-i", _inventory(options.inventory), "-e", f"@{folder / 'variables.json'}"]
        command += _arguments(options, folder)
        log.info("%s: %s", PROGRAM, name)
        return _run(command, _environment(environment, folder), folder, tell)


def find(environment: Mapping[str, str] = os.environ) -> str:
    """Return ansible-playbook: beside our Python, or of the system. Raises MissingDependency."""
    own = Path(sys.executable).with_name(PROGRAM)
    found = str(own) if os.access(own, os.X_OK) else shutil.which(PROGRAM, path=environment.get("PATH"))
    if found is None:
        raise MissingDependency(
            f'{PROGRAM} not found; run: pip install "edgevision[fleet]", or install the Debian package ansible-core'
        )
    return found


def _inventory(path: Path) -> str:
    """Return the inventory as Ansible takes it for a path, even if it has a comma."""
    if "," in path.name:
        raise BadInput(f"{path}: Ansible takes a name with a comma for a list of hosts; rename the inventory")
    return str(path.absolute())


def _arguments(options: AnsibleOptions, folder: Path) -> list[str]:
    """Return options; passwords are files in a private folder that is removed in the end."""
    found = ["--check"] if options.check else []
    if options.limit is not None:
        found += [f"--limit={options.limit}"]
    if options.vault_password_file is not None:
        found += [f"--vault-password-file={options.vault_password_file.absolute()}"]
    if options.vault_password is not None:
        write_text(folder / "vault", options.vault_password, private=True)
        found += [f"--vault-password-file={folder / 'vault'}"]
    if options.become_password is not None:
        write_text(folder / "become", options.become_password, private=True)
        found += ["--become", f"--become-password-file={folder / 'become'}"]
    return found


def _environment(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    plugins = str(folder / "callback_plugins")
    before = environment.get("ANSIBLE_CALLBACK_PLUGINS")
    return {
        **environment,
        "ANSIBLE_STDOUT_CALLBACK": "edgevision_events",
        "ANSIBLE_CALLBACK_PLUGINS": f"{plugins}:{before}" if before else plugins,
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        "ANSIBLE_NOCOLOR": "1",
        # What runs bundles, so that nothing has to be searched; ansible_python_interpreter overrides it.
        "ANSIBLE_PYTHON_INTERPRETER": environment.get("ANSIBLE_PYTHON_INTERPRETER", "/usr/bin/python3"),
        "ANSIBLE_FORCE_COLOR": "0",
        # ssh must not wait for an answer on a terminal: a key that is not known or locked is one line.
        "SSH_ASKPASS_REQUIRE": "force",
        "SSH_ASKPASS": environment.get("SSH_ASKPASS", "/bin/false"),
    }


def _run(command: list[str], environment: dict[str, str], folder: Path, tell: Callable[[Event], None]) -> Ended:
    read, write = os.pipe()
    with (folder / "said").open("w+b") as said, os.fdopen(read, "rb") as events, os.fdopen(write, "wb") as theirs:
        child = children.start(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            pass_fds=(write,),
            env={**environment, EVENTS_FD: str(write)},
        )
        theirs.close()  # so that the events end with the child
        try:
            for event in _events(events):
                tell(event)
            status = child.wait()
        finally:
            children.end(child)
        said.seek(0)
        return Ended(status, said.read(2**20).decode(errors="replace"))


def _events(stream: IO[bytes]) -> Iterator[Event]:
    for line in stream:
        value = strict_json.loads(line, "an event of Ansible", MAX_EVENT)
        if isinstance(value, dict):
            if value.get("event") == "end":
                return
            yield value


def said(result: Mapping[str, Any]) -> str:
    """Return why a task failed, as one line."""
    if "censored" in result:
        return "it failed, and what it said is hidden, since it may hold a password; check the variables of this device"
    text = " ".join(str(result.get("msg") or "").split())
    for head in ("Task failed: ", "Action failed: ", "Failed to connect to the host via ssh: "):
        text = text.removeprefix(head)
    lines = [line.strip() for line in str(result.get("module_stderr") or "").splitlines() if line.strip()]
    return f"{text} ({lines[-1]})" if lines else text


def failure(ended: Ended) -> EdgeVisionError:
    """Return the error of an ansible-playbook that reported nothing about any host."""
    lines = [line.strip() for line in ended.said.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("ERROR!", "[ERROR]"))] or lines[-1:]
    if (
        any("no hosts matched" in line or "provided hosts list is empty" in line for line in lines)
        and ended.status == 0
    ):
        return BadInput("the inventory has no hosts, or --limit leaves none")
    said = told[0] if told else f"exit status {ended.status}"
    return EdgeVisionError(f"{PROGRAM}: {one_line(said.removeprefix('ERROR!').removeprefix('[ERROR]:').strip())}")
