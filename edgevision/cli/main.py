"""The command line: a table of commands imported on use, and the one place that turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import click

from .. import __version__
from ..errors import EdgeVisionError, MissingDependency, RenamedSetting, missing_dependency, nearest, not_utf8
from . import interrupt, verbosity

COMMANDS: dict[str, tuple[str, str]] = {
    # name: ("module:command", help line); the help lines are here so that --help imports no command
    "train": ("edgevision.convert.cli.train:train", "Train a classifier on a folder of photos and evaluate it."),
    "convert": (
        "edgevision.convert.cli.convert:convert",
        "Quantize a Keras model or a float .tflite to an int8 .tflite with labels and preprocessing inside.",
    ),
    "evaluate": ("edgevision.cli.evaluate:evaluate", "Score a model on labeled images, or compare two models."),
    "data": (
        "edgevision.cli.data:data",
        "Check a set of images: damaged files, duplicates, leaks, small classes.",
    ),
    "label": (
        "edgevision.device.cli.label:label",
        "Confirm and correct labels on a local page, likely mistakes first.",
    ),
    "inspect": (
        "edgevision.cli.inspect:inspect",
        "Show what a .tflite contains: model card, tensors, operators, size.",
    ),
    "card": ("edgevision.cli.card:card", "Add a task, labels and preprocessing to any .tflite."),
    "run": ("edgevision.device.cli.run:run", "Run a model on a camera, video, image or folder."),
    "page": ("edgevision.device.cli.page:page", "Run a model and show what it sees on a live page."),
    "export": (
        "edgevision.device.cli.export:export",
        "Make an offline web app of a model, for phones and browsers.",
    ),
    "cameras": (
        "edgevision.device.cli.cameras:cameras",
        "List this machine's cameras and the name of each for --camera.",
    ),
    "capture": (
        "edgevision.device.cli.capture:capture",
        "Take labeled photos with the camera you will deploy.",
    ),
    "teach": ("edgevision.device.cli.teach:teach", "Teach a model a new class on the device from a few frames."),
    "drift": ("edgevision.device.cli.drift:drift", "Show whether what a camera sees has moved, or accept what is new."),
    "service": (
        "edgevision.device.cli.service:service",
        "Run the loop as a systemd service and show its status.",
    ),
    "mqtt": ("edgevision.device.cli.mqtt:mqtt", "Remove a camera from an MQTT broker and from Home Assistant."),
    "pull": ("edgevision.device.cli.pull:pull", "Fetch the images that a device collected, by ssh."),
    "bundle": (
        "edgevision.device.cli.bundle:bundle",
        "Pack a model and everything it needs on a device into one file.",
    ),
    "deploy": (
        "edgevision.device.cli.deploy:deploy",
        "Update a device over SSH; a release that does not work is taken back.",
    ),
    "fleet": (
        "edgevision.device.cli.fleet:fleet",
        "Show the state of the devices of an Ansible inventory, or export the Ansible role.",
    ),
    "flash": (
        "edgevision.device.cli.flash:flash",
        "Write an SD card for a Raspberry Pi, or read its installation status.",
    ),
    "keys": ("edgevision.device.cli.keys:keys", "Create and show the keys that sign bundles."),
    "doctor": (
        "edgevision.device.cli.doctor:doctor",
        "Check what is installed and connected on this machine, and what to fix.",
    ),
    "bench": (
        "edgevision.device.cli.bench:bench",
        "Measure latency, start-up and memory of models; compare machines.",
    ),
    "demo": (
        "edgevision.convert.cli.demo:demo",
        "Run the whole pipeline on a small set of generated images, offline.",
    ),
}


class LazyGroup(click.Group):
    """A click group that imports a command on first use and suggests the nearest name for an unknown one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return verbosity.add_option(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:  # click would write an empty line first
            raise click.Abort from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            ctx.fail(f"no such command: {name!r}{nearest(name, list(COMMANDS))}")
        resolved = super().resolve_command(ctx, args)
        interrupt.command_starts()
        return resolved


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(__version__, prog_name="edgevision")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """From photos or a Keras model to a camera loop on a Raspberry Pi or a Coral accelerator."""
    if ctx.invoked_subcommand is None:
        from .terminal import say_lines  # imported late, like say below: a command that just works needs neither

        say_lines(ctx.get_help())


verbosity.add_option(cli)


def main(argv: list[str] | None = None) -> NoReturn:
    """Run one command and exit with its status.

    0 done, 1 input or environment, 2 usage, 3 limit not met, 10..13 flashing an SD card, 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP.
    """
    if argv is None:
        interrupt.switch_on()  # for an installation whose script starts here
    _show_renamed_settings()
    try:
        result = _run(argv)
        _flush()
        code = result if isinstance(result, int) else 0
    except click.ClickException as error:
        code = _fail(_one_line(error), error.exit_code)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        _debug()
        code = _interrupted(error)
    except BrokenPipeError:
        # The reader of our output is gone (`| head`). That is fine, but Python must not flush again on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except EdgeVisionError as error:
        _debug()
        code = _fail(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        missing = missing_dependency(error)
        if missing is None:
            raise
        _debug()
        code = _fail(str(missing), missing.exit_code)
    except UnicodeEncodeError as error:  # half of a surrogate pair is how Python shows such a byte
        if not any("\ud800" <= letter <= "\udfff" for letter in error.object):
            raise
        _debug()
        code = _fail(not_utf8(error), 1)
    except OSError as error:
        # Only errors of the operating system: no space, no permission, a path that is a folder ...
        if error.errno is None:
            raise
        _debug()
        where = f": {error.filename}" if error.filename else ""
        code = _fail(f"{error.strerror}{where}", 1)
    interrupt.command_ended(code)
    sys.exit(code)


def _run(argv: list[str] | None) -> Any:
    try:
        return cli.main(args=argv, prog_name="edgevision", standalone_mode=False)
    except (ImportError, MissingDependency, RuntimeError, SystemError) as error:
        if interrupt.requested:  # extension modules turn KeyboardInterrupt into one of these while they are imported
            raise KeyboardInterrupt from error
        raise


def _show_renamed_settings() -> None:
    """Print the warnings about former names of settings as notes, unless --quiet is given."""
    import warnings

    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *more: Any, **rest: Any) -> None:
        if not issubclass(category, RenamedSetting):
            usual(message, category, *more, **rest)
            return
        ctx = click.get_current_context(silent=True)
        if ctx is None or not ctx.params.get("quiet"):
            from .terminal import say

            say(f"note: {message}", err=True)

    warnings.showwarning = show


def _one_line(error: click.ClickException) -> str:
    """Return a click error, with its suggestions, as one line."""
    # For a group without a command, newer versions of click return the whole help text instead of a message.
    missing = isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ()))
    text = "Missing command" if missing else " ".join(error.format_message().split()).rstrip(".")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        text += f"; see {error.ctx.command_path} --help"
    return text


def _fail(message: str, code: int) -> int:
    from .terminal import say

    say(f"edgevision: error: {message}", err=True)
    return code


def _interrupted(error: BaseException) -> int:
    """Print one line about the signal, if the terminal is still there, and return the exit code.

    The notes of the exception, such as how to resume the work, follow in the same line.
    """
    if interrupt.reported:  # by the thread that ends the process, just now
        return interrupt.exit_code()
    interrupt.reported = True
    notes: list[str] = []
    cause: BaseException | None = error  # click wraps it, and so does _run
    while cause is not None:
        notes += getattr(cause, "__notes__", [])
        cause = cause.__cause__
    with suppress(OSError):
        if sys.stderr.isatty():
            os.write(2, b"\n")  # after ^C
        _fail("; ".join([interrupt.message(), *notes]), 1)
    return interrupt.exit_code()


def _flush() -> None:
    sys.stdout.flush()


def _debug() -> None:
    """Print the traceback of the current error if EDGEVISION_DEBUG=1."""
    if os.environ.get("EDGEVISION_DEBUG") == "1":
        import traceback

        traceback.print_exc()
