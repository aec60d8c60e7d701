"""``-v`` on every command: levels, the form of a line, and nothing on stdout."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from documents import parse_lines

from edgevision import log
from edgevision.cli import verbosity
from edgevision.cli.main import cli

RUN = ("run", "--source", "test:@fast", "--limit", "2", "--json")


def run(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgevision", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def log_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("edgevision.")]


def every_command(group: click.Group, ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        path = f"{ctx.command_path} {name}"
        yield path, command
        if isinstance(command, click.Group):
            yield from every_command(command, click.Context(command, parent=ctx, info_name=name))


def test_every_command_takes_verbose() -> None:
    found = dict(every_command(cli, click.Context(cli, info_name="edgevision")))
    assert len(found) > 30
    for path, command in {"edgevision": cli, **found}.items():
        options = [one for one in command.params if one.name == "verbose"]
        assert len(options) == 1, path
        assert options[0].opts == ["-v", "--verbose"], path
        others = [opt for one in command.params for opt in (*one.opts, *one.secondary_opts) if one.name != "verbose"]
        assert not {"-v", "--verbose"} & {*others}, f"{path}: another option has the same name"


@pytest.mark.parametrize(
    ("args", "decisions", "details"),
    [
        (RUN, False, False),
        ((*RUN, "-v"), True, False),
        ((*RUN, "--verbose"), True, False),
        (("-v", *RUN), True, False),
        ((*RUN, "-vv"), True, True),
        (("-v", *RUN, "-v"), True, True),
        ((*RUN, "--quiet"), False, False),
        ((*RUN, "--quiet", "-v"), True, False),
    ],
)
def test_levels_of_a_run(args: tuple[str, ...], decisions: bool, details: bool) -> None:
    done = run(*args)
    assert done.returncode == 0, done.stderr
    assert [line["index"] for line in parse_lines(done.stdout)] == [0, 1]
    lines = log_lines(done)
    assert any(line.startswith("edgevision.model: opened ") for line in lines) == decisions
    assert any(line.startswith("edgevision.engines: the conversion ") for line in lines) == details
    assert bool(lines) == decisions


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("bench", "-v", "compare", "absent.json"), "absent.json"),
        (("bench", "-v", "absent.tflite"), "absent.tflite"),
        (("bundle", "-v", "verify", "absent.xz"), "bundle not found: absent.xz"),
        (("bundle", "-v", "absent.tflite"), "model not found: absent.tflite"),
        (("flash", "-v", "status", "absent.img"), "absent.img"),
        (("-v",), ""),
    ],
)
def test_verbose_may_stand_before_a_sub_command(args: tuple[str, ...], said: str) -> None:
    done = run(*args)
    assert done.returncode == (1 if said else 0)
    assert said in done.stderr and "No such option" not in done.stderr


def test_run_without_verbose_does_not_import_logging() -> None:
    code = (
        "import sys\nfrom edgevision.cli.main import main\n"
        f"try: main({[*RUN]!r})\nexcept SystemExit: pass\n"
        "print('logging' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr.splitlines()[-1] == "False", "logging costs milliseconds; see edgevision/log.py"


def invoke(*args: str) -> None:
    """Run a command that logs one record of each level."""

    @click.command()
    @click.option("--quiet", is_flag=True)
    def work(quiet: bool) -> None:
        one = log.Log("edgevision.test")
        one.debug("detail")
        one.info("decision")
        one.warning("look: rtsp://root:secret@host:554/x\x1b[2J\nand a second line")

    verbosity.add_option(work).main([*args], standalone_mode=False)


WARNING = r"edgevision.test: look: rtsp://***@host:554/x\x1b[2J\nand a second line"


@pytest.mark.parametrize(
    ("args", "lines"),
    [
        ([], [WARNING]),
        (["--quiet"], []),
        (["-v"], ["edgevision.test: decision", WARNING]),
        (["-vv"], ["edgevision.test: detail", "edgevision.test: decision", WARNING]),
        (["-v", "--quiet"], ["edgevision.test: decision", WARNING]),
    ],
)
def test_lines_are_printable_and_without_passwords(
    args: list[str], lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    invoke(*args)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == lines


def test_a_command_leaves_the_logger_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    before = logging.getLogger("edgevision")
    state = (before.level, before.propagate, [*before.handlers])
    invoke("-vv")
    assert (before.level, before.propagate, [*before.handlers]) == state
    log.Log("edgevision.test").warning("heard by the others")
    assert "heard by the others" in caplog.text


def test_log_is_not_mixed_with_the_output_of_native_code() -> None:
    code = (
        "import os, click\nfrom edgevision.cli import verbosity\nfrom edgevision.convert import backend\n"
        "from edgevision.log import Log\n"
        "@click.command()\ndef work():\n"
        "  with backend.quiet() as native:\n"
        "    os.write(2, b'noise')\n"
        "    Log('edgevision.test').info('a decision')\n"
        "  assert native.text == 'noise', native.text\n"
        "verbosity.add_option(work).main(['-v'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == "edgevision.test: a decision\n"


class Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_closed_stderr_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (Closed(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        invoke("-vv")
