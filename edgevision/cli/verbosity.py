"""``-v/--verbose`` of every command, and the log of the library on stderr, one line for each record."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

import click

from .. import log

if TYPE_CHECKING:
    import logging

HELP = "Log decisions on stderr, one per line; -vv: details too."
ROOT = "edgevision"
"""Name of the logger above all loggers of the library."""
_VERBOSE, _HANDLER = "edgevision.verbose", "edgevision.log_handler"
"""Keys of what the contexts of a command and its sub-command share."""


def add_option(command: click.Command) -> click.Command:
    """Add ``-v/--verbose`` to a command and its sub-commands, unless they have it already; return the command."""
    if not any(parameter.name == "verbose" for parameter in command.params):
        option = click.Option(["-v", "--verbose"], count=True, expose_value=False, callback=_count, help=HELP)
        command.params.append(option)
        for child in getattr(command, "commands", {}).values():
            add_option(child)
    return command


def is_option(argument: str) -> bool:
    """Return whether an argument is ``-v``, ``-vv`` or ``--verbose``."""
    return argument == "--verbose" or (argument[:1] == "-" and {*argument[1:]} == {"v"})


def is_verbose() -> bool:
    """Return whether the current command logs on stderr; it then draws nothing there that would be torn by lines."""
    ctx = click.get_current_context(silent=True)
    return ctx is not None and ctx.meta.get(_VERBOSE, 0) > 0


def _count(ctx: click.Context, _: click.Parameter, value: int) -> None:
    """Add up the options before and after the name of the command."""
    ctx.meta[_VERBOSE] = ctx.meta.get(_VERBOSE, 0) + value
    if ctx.meta[_VERBOSE]:
        _set_up(ctx)
    else:
        log.before_first(lambda: _set_up(ctx))
        ctx.call_on_close(lambda: log.before_first(None))


def _set_up(ctx: click.Context) -> None:
    """Send the log to stderr until the command ends."""
    import logging

    logger = logging.getLogger(ROOT)
    logger.setLevel(_level(ctx))
    if _HANDLER in ctx.meta:
        return
    ctx.meta[_HANDLER] = handler = _handler()
    logger.addHandler(handler)
    logger.propagate = False

    def undo() -> None:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
        handler.close()

    ctx.find_root().call_on_close(undo)


def _level(ctx: click.Context) -> str:
    """Return the lowest level that is shown; ``-v`` counts more than ``--quiet``."""
    verbose = ctx.meta[_VERBOSE]
    if verbose:
        return "INFO" if verbose == 1 else "DEBUG"
    return "ERROR" if ctx.params.get("quiet") else "WARNING"


def _handler() -> logging.Handler:
    import logging

    from ..files.url_secrets import masked_text
    from ..reporting.terminal import printable

    class Lines(logging.Formatter):
        """One line of printable text without passwords, whatever a camera or a file put into it."""

        def format(self, record: logging.LogRecord) -> str:
            # Those who log a URL hide its parts themselves; this is the net below.
            return f"{record.name}: {printable(masked_text(record.getMessage()))}"

    class Stderr(logging.StreamHandler[TextIO]):
        """Handler whose stream may be closed: a log nobody reads stops no work."""

        def handleError(self, record: logging.LogRecord) -> None:
            """Drop the record."""

    handler = Stderr(_stream())
    handler.setFormatter(Lines())
    return handler


def _stream() -> TextIO:
    """Return stderr, past what captures the output of native code (``edgevision.convert.backend``)."""
    try:
        if sys.stderr.fileno() == 2:
            return os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    except (AttributeError, OSError, ValueError):  # closed, or replaced by an object without a descriptor
        pass
    return sys.stderr
