"""A command with many options: its help has headings, and what can be switched on can be switched off."""

from __future__ import annotations

from typing import Any

import click


class Switch(click.Option):
    """``--name`` and ``--no-name``; help shows the first alone. Where a file switches it on, the command line can
    switch it off again."""

    def __init__(self, declarations: list[str], **settings: Any) -> None:
        names = [f"{name}/--no-{name[2:]}" if name.startswith("--") else name for name in declarations]
        super().__init__(names, default=False, **settings)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Without ``--no-name``: one line of the command's help speaks of all of them."""
        return self.opts[0], self.help or ""


class GroupedCommand(click.Command):
    """Shows its options under headings, in the order of ``groups``: heading -> names of parameters."""

    groups: dict[str, tuple[str, ...]]

    def __init__(self, *args: Any, groups: dict[str, tuple[str, ...]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.groups = groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One section for each heading; what no heading names comes last."""
        parameters = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        # click's own --help has another name in each version.
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
