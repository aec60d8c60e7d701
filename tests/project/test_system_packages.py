"""``tools/system_packages.sh`` on machines made of fakes: Debian as root, as a user with and without sudo, another system."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from locations import ROOT

SCRIPT = ROOT / "tools" / "system_packages.sh"
COREUTILS = ("sh", "awk", "cat", "grep", "mktemp", "rm", "tail", "true", "env")
REST = ("mtools", "openssl")
"""Packages that the fake machine lacks."""


class Machine:
    """A PATH of fakes; ``calls`` lists what apt-get was asked for."""

    def __init__(
        self, folder: Path, *, user: int = 0, sudo: bool = False, apt: str = "exit 0", lists: bool = True
    ) -> None:
        self._bin = folder / "bin"
        self._bin.mkdir()
        self._log = folder / "calls"
        for name in COREUTILS:
            (self._bin / name).symlink_to(str(shutil.which(name)))
        self._write("id", f"echo {user}")
        if apt:
            # Packages count as installed once apt-get has installed them, which takes package lists.
            have = folder / "lists"
            if lists:
                have.touch()
            self._write(
                "apt-get",
                f'echo "$*" >>{self._log}\ncase " $* " in *" update "*) : >{have} ;; *) [ -e {have} ] || '
                f"{{ echo 'E: Unable to locate package mtools'; exit 100; }} ;; esac\n{apt}",
            )
            self._write("dpkg-query", f'case "$4" in {"|".join(REST)}) exit 1 ;; *) echo installed ;; esac')
        if sudo:
            self._write("sudo", '[ "$1" = -n ] && shift && exec "$@"')

    def _write(self, name: str, body: str) -> None:
        path = self._bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self._bin / "sh"), str(SCRIPT), *arguments]
        return subprocess.run(command, env={"PATH": str(self._bin)}, capture_output=True, text=True, check=False)

    @property
    def calls(self) -> list[str]:
        """The actions of apt-get, without its options."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [" ".join(word for word in line.split() if word[0] != "-" and "::" not in word) for line in lines]


INSTALL = "install mtools openssl"


@pytest.mark.parametrize(("user", "sudo"), [(0, False), (1000, True)])
def test_missing_packages_are_installed(user: int, sudo: bool, tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=user, sudo=sudo)
    done = machine.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.calls == [INSTALL]


def test_package_lists_are_fetched_if_needed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, lists=False)
    assert machine.run().returncode == 0
    assert machine.calls == [INSTALL, "update", INSTALL]


def test_user_without_sudo_is_told_what_to_install(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=1000)
    for arguments in ((), ("--check",)):
        done = machine.run(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.endswith("sudo apt-get install --no-install-recommends mtools openssl")
    assert machine.calls == []


def test_failure_of_apt_is_one_line(tmp_path: Path) -> None:
    done = Machine(tmp_path, apt="echo 'Reading ...'; echo 'E: no network'; exit 100").run()
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["system_packages: cannot install mtools openssl: E: no network"]


def test_other_distributions_go_on(tmp_path: Path) -> None:
    done = Machine(tmp_path, apt="").run()
    assert (done.returncode, done.stdout) == (0, "")
    (line,) = done.stderr.splitlines()
    assert "this is not Debian" in line and "mtools" in line


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="not installed: shellcheck")
def test_script_is_plain_posix_sh() -> None:
    for script in (SCRIPT, ROOT / "tools" / "setup.sh"):
        subprocess.run(["shellcheck", "-s", "sh", str(script)], check=True)
