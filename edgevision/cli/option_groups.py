"""Click commands with grouped help or a default sub-command, and options that can be switched on and off."""

from __future__ import annotations

from typing import Any

import click

from .verbosity import is_option as is_verbose


class Switch(click.Option):
    """The options ``--name`` and ``--no-name``; the help shows only the first.

    The second switches off on the command line what a settings file has switched on.
    """

    def __init__(self, declarations: list[str], **settings: Any) -> None:
        names = [f"{name}/--no-{name[2:]}" if name.startswith("--") else name for name in declarations]
        super().__init__(names, default=False, **settings)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Return the help entry without ``--no-name``, which one line of the command's help explains for all."""
        return self.opts[0], self.help or ""


class GroupedCommand(click.Command):
    """Command that lists its options under headings; ``groups`` maps each heading to its parameter names."""

    groups: dict[str, tuple[str, ...]]

    def __init__(self, *args: Any, groups: dict[str, tuple[str, ...]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.groups = groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section per heading; parameters without a heading come last."""
        parameters = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        # The name of click's own --help parameter depends on click's version.
        named = {_name(parameter): parameter.get_help_record(ctx) for parameter in parameters}
        records = {name: record for name, record in named.items() if record is not None}
        for heading, names in self.groups.items():
            with formatter.section(heading):
                formatter.write_dl([records.pop(name) for name in names if name in records])
        if records:
            with formatter.section("Other"):
                formatter.write_dl(list(records.values()))


def _name(parameter: click.Option) -> str:
    return "help" if "--help" in parameter.opts else str(parameter.name)


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
