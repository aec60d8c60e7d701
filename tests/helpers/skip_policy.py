"""A pytest plugin that fails a run in which tests were skipped for a reason that is not allowed.

It applies with ``CI=true`` and with ``--full``, which the slow targets of the Makefile give; ``ALLOW_SKIP=1`` turns it off.
``--full`` allows no skip of a test that the target exists for: one with the ``slow`` marker, or one in ``tests/emulated``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

import pytest

ALLOWED: Mapping[str, str] = {
    r"the real models and photos are not on this machine": "they may not be redistributed, so a public clone has none",
    r"needs? root rights": "an ordinary user may not change accounts, mounts or block devices",
    r"cannot tell which drive this system runs from": "in a container; our safety check then refuses every drive",
    r"(losetup|mount) .*does not work here": "containers may lack loop devices or may not use them",
    r"no file system can be mounted here": "containers may not mount, even as root",
    r"this machine runs systemd|this machine has picamera2": "the test is about a machine without it",
    r"this machine was started by a prepared SD card": "the test is about a machine that was not",
    r"tflite-micro is not on this machine": "its wheels are for x86-64 Linux alone",
    r"LiteRT.js is not on this machine": "it comes from npm, whose registry a network may not let through",
    r"bundles are only for Python": "bundles exist for the Python versions of Raspberry Pi OS alone",
}
"""Reasons for skips that a run may have (regular expression), and why no package or setup step can avoid them."""
N_EXAMPLES = 3
"""Skipped tests named for each reason."""
KEY = pytest.StashKey["SkipPolicy"]()


class SkipPolicy:
    """The skips of one run that are not allowed."""

    def __init__(self, *, full: bool, fails: bool) -> None:
        self._full = full
        self.fails = fails
        self.found: dict[str, list[str]] = {}
        """Reason -> node ids."""

    def note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        """Record a skipped test, or a module that was skipped as a whole."""
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = _reason(report)
        if not any(re.search(pattern, reason) for pattern in ALLOWED) or (self._full and _is_main_subject(report)):
            self.found.setdefault(reason, []).append(report.nodeid)

    def lines(self) -> Iterator[str]:
        """Yield the skips by reason, the most frequent reason first."""
        for reason, tests in sorted(self.found.items(), key=lambda item: -len(item[1])):
            more = f" and {len(tests) - N_EXAMPLES} more" if len(tests) > N_EXAMPLES else ""
            yield f"{len(tests)} x {reason}: {', '.join(tests[:N_EXAMPLES])}{more}"


def _is_main_subject(report: pytest.TestReport | pytest.CollectReport) -> bool:
    """Return True for tests that only a slow target runs."""
    return "slow" in getattr(report, "keywords", ()) or "tests/emulated/" in report.nodeid


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the skip's reason on one line, without the prefix that pytest adds."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return " ".join(text.removeprefix("Skipped: ").split())


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--full``."""
    parser.addoption(
        "--full", action="store_true", help="fail if the target's own tests are skipped (ALLOW_SKIP=1: do not)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read the environment once."""
    full = bool(config.getoption("--full"))
    strict = full or os.environ.get("CI", "").lower() in ("1", "true")
    config.stash[KEY] = SkipPolicy(full=full, fails=strict and os.environ.get("ALLOW_SKIP") != "1")
    config.pluginmanager.register(_Reports(config.stash[KEY]), "skip-policy-reports")


class _Reports:
    """Hands reports to the policy; with xdist, those of all workers arrive in the main process."""

    def __init__(self, policy: SkipPolicy) -> None:
        self._policy = policy

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._policy.note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._policy.note(report)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a pass into a failure."""
    policy = session.config.stash[KEY]
    if policy.fails and policy.found and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List the skips; where they do not fail the run, say that CI would not allow them."""
    policy = config.stash[KEY]
    if not policy.found:
        return
    count = sum(map(len, policy.found.values()))
    if policy.fails:
        terminalreporter.section("FAILED: skips that are not allowed", red=True)
    else:
        terminalreporter.section("skips that CI does not allow", yellow=True)
    for line in policy.lines():
        terminalreporter.write_line(line)
    advice = "install what is missing (sh tools/system_packages.sh)"
    if policy.fails:
        advice += ", allow the reason in tests/helpers/skip_policy.py, or set ALLOW_SKIP=1"
    terminalreporter.write_line(f"{count} skipped: {advice}")
