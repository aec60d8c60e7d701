"""click group with a sub-command that need not be typed."""

from __future__ import annotations

from typing import Any

import click

from .verbosity import is_option as is_verbose


class DefaultGroup(click.Group):
    """Command group whose sub-command ``default`` need not be typed: ``bench MODEL`` is ``bench measure MODEL``."""

    def __init__(self, *args: Any, default: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert the default unless a sub-command or --help comes first; ``-v`` may come before either."""
        at = next((at for at, one in enumerate(args) if not is_verbose(one)), len(args))
        if args[at : at + 1] == [] or args[at] not in {*self.commands, *ctx.help_option_names}:
            args = [*args[:at], self.default, *args[at:]]
        return super().parse_args(ctx, args)
