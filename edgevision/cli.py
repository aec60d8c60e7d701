"""The command line: a lazy table of commands and the one place where errors become lines and exit codes."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from . import __version__
from .errors import EdgeVisionError, nearest

COMMANDS: dict[str, tuple[str, str]] = {
    # name: ("module:command", the help line; held here so that --help imports no command)
    "train": ("edgevision.convert.commands.train:train", "Make a classifier from a folder of photos, and score it."),
    "convert": (
        "edgevision.convert.commands.convert:convert",
        "Quantize a Keras model to one self-describing int8 .tflite.",
    ),
    "evaluate": ("edgevision.commands.evaluate:evaluate", "Score a model on labelled pictures; compare two."),
    "data": ("edgevision.commands.data:data", "Check a set of pictures: damaged files, copies, leaks, tiny classes."),
    "inspect": ("edgevision.commands.inspect:inspect", "Show what is in a .tflite: card, tensors, operators, size."),
    "card": ("edgevision.commands.card:card", "Give somebody else's .tflite its task, labels and preprocessing."),
    "run": ("edgevision.device.commands.run:run", "Recognise what a camera, video, picture or folder shows."),
    "cameras": (
        "edgevision.device.commands.cameras:cameras",
        "List the cameras of this machine, and what to type for each.",
    ),
    "capture": (
        "edgevision.device.commands.capture:capture",
        "Take labelled photos with the camera that will be deployed.",
    ),
    "teach": ("edgevision.device.commands.teach:teach", "Teach a model a new class on the device, from a few frames."),
    "service": (
        "edgevision.device.commands.service:service",
        "Run the loop as a service of systemd; see how it fares.",
    ),
    "bundle": ("edgevision.device.commands.bundle:bundle", "Pack a model and all it needs on a device into one file."),
    "flash": (
        "edgevision.device.commands.flash:flash",
        "Make a Raspberry Pi's card; say how far its installation came.",
    ),
    "keys": ("edgevision.device.commands.keys:keys", "Make and show the keys that bundles are signed with."),
    "doctor": (
        "edgevision.device.commands.doctor:doctor",
        "Say what is installed and plugged in here, and what to fix.",
    ),
    "bench": (
        "edgevision.device.commands.bench:bench",
        "Measure models on this machine: time, start, memory; compare machines.",
    ),
    "demo": ("edgevision.convert.commands.demo:demo", "See the whole chain run on a small drawn picture set, offline."),
}
INSTALL = {
    # A library that is missing: what to type.
    "tensorflow": "pip install 'edgevision[convert]'",
    "keras": "pip install 'edgevision[convert]'",
    "tf_keras": "pip install 'edgevision[convert]'",
    "h5py": "pip install 'edgevision[convert]'",
    "matplotlib": "pip install 'edgevision[convert]'",
    "cv2": "pip install opencv-python-headless",
    "ai_edge_litert": "pip install ai-edge-litert",
    "picamera2": "sudo apt install python3-picamera2",
}


class LazyGroup(click.Group):
    """Imports a command when it is used; names near a misspelt one are suggested."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            ctx.fail(f"no such command: {name!r}{nearest(name, list(COMMANDS))}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(__version__, prog_name="edgevision")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """From photos or a Keras model to a camera loop on a Raspberry Pi or a Coral accelerator."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(argv: list[str] | None = None) -> NoReturn:
    """Runs one command and exits: 0 done, 1 input or environment, 2 usage, 3 gate not met, 10..13 cards, 130 Ctrl-C."""
    try:
        result: Any = cli.main(args=argv, prog_name="edgevision", standalone_mode=False)
        _flush()
        code = result if isinstance(result, int) else 0
    except click.ClickException as error:
        code = _fail(_one_line(error), error.exit_code)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _debug()
        code = _fail("interrupted", 130)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing is wrong, but Python must not try to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except EdgeVisionError as error:
        _debug()
        code = _fail(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        root = (error.name or "").partition(".")[0]
        if root not in INSTALL:
            raise
        _debug()
        code = _fail(f"{root} is not installed, and this command needs it; install it with: {INSTALL[root]}", 1)
    except OSError as error:
        # Only what the machine says by name: no space, no permission, a path that is a folder ...
        if error.errno is None:
            raise
        _debug()
        where = f": {error.filename}" if error.filename else ""
        code = _fail(f"{error.strerror}{where}", 1)
    sys.exit(code)


def _one_line(error: click.ClickException) -> str:
    """A click error with its nearest match, as one line."""
    # A group without its command: newer versions of click answer with all of its help, which is no line.
    missing = isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ()))
    text = "Missing command" if missing else " ".join(error.format_message().split()).rstrip(".")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        text += f"; {error.ctx.command_path} --help shows what there is"
    return text


def _fail(message: str, code: int) -> int:
    click.echo(f"edgevision: error: {message}", err=True)
    return code


def _flush() -> None:
    sys.stdout.flush()


def _debug() -> None:
    """EDGEVISION_DEBUG=1 shows where an error came from."""
    if os.environ.get("EDGEVISION_DEBUG") == "1":
        import traceback

        traceback.print_exc()
