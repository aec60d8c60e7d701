"""The skip policy fails a run that skips what it should have tested, on one process and on several."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import skip_policy

ALLOWED = "the real models and photos are not on this machine"
MISSING = "not installed: mtools"


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder for a run of its own, outside CI at first."""
    for name in ("CI", "ALLOW_SKIP"):
        monkeypatch.delenv(name, raising=False)
    helpers = Path(skip_policy.__file__).parent
    pytester.makeini(f"[pytest]\nmarkers = slow\npythonpath = {helpers}\n")
    pytester.makeconftest('pytest_plugins = ["skip_policy"]')
    return pytester


def write(run: pytest.Pytester, reason: str, mark: str = "") -> None:
    run.makepyfile(f"import pytest\n{mark}\ndef test_it(): pytest.skip({reason!r})\ndef test_other(): pass\n")


def test_skip_is_listed_but_passes_outside_ci(run: pytest.Pytester) -> None:
    write(run, MISSING)
    done = run.runpytest_inprocess()
    assert done.ret == 0
    done.stdout.fnmatch_lines(["*skips that CI does not allow*", f"1 x {MISSING}: *::test_it", "*system_packages.sh*"])


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "1")])
def test_unlisted_skip_fails_in_ci(
    options: tuple[str, ...], run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    write(run, MISSING)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # importing all plugins takes seconds in each process
    done = run.runpytest_subprocess(*options) if options else run.runpytest_inprocess()
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*FAILED: skips that are not allowed*", f"1 x {MISSING}: *::test_it"])


def test_allowed_skip_passes_in_ci(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    write(run, f"{ALLOWED} (a variable names their folder)")
    done = run.runpytest_inprocess()
    assert done.ret == 0
    done.stdout.no_fnmatch_line("*not allow*")


def test_skipped_module_and_expected_failure_in_ci(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    run.makepyfile(
        test_a="import pytest\npytest.importorskip('no_such_module')\n",
        test_b="import pytest\n@pytest.mark.xfail\ndef test_it(): assert False\n",
    )
    done = run.runpytest_inprocess()
    assert done.ret == 1
    done.stdout.fnmatch_lines(["1 x could not import 'no_such_module'*: test_a.py"])
    done.stdout.no_fnmatch_line("*test_b.py")


@pytest.mark.parametrize(("mark", "code"), [("@pytest.mark.slow", 1), ("", 0)])
def test_full_run_must_not_skip_a_slow_test(mark: str, code: int, run: pytest.Pytester) -> None:
    write(run, ALLOWED, mark)
    assert run.runpytest_inprocess("--full").ret == code


def test_allow_skip_turns_the_policy_off(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("ALLOW_SKIP", "1")
    write(run, MISSING, "@pytest.mark.slow")
    assert run.runpytest_inprocess("--full").ret == 0


def test_failure_keeps_its_exit_status(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    run.makepyfile(f"import pytest\ndef test_it(): pytest.skip({MISSING!r})\ndef test_stop(): pytest.exit('stop', 3)\n")
    assert run.runpytest_inprocess().ret == 3


def test_allowed_list_is_short_and_reasoned() -> None:
    assert len(skip_policy.ALLOWED) <= 10
    for pattern, why in skip_policy.ALLOWED.items():
        re.compile(pattern)
        assert len(why) > 20
