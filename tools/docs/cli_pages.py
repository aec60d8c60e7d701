"""Reference pages of the command line, one for each top-level command, read from the click commands."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterator, Mapping

import click

FOLDER = "cli"


def render(group: click.Group) -> dict[str, str]:
    """Return path -> Markdown: an index and a page for each command."""
    root = click.Context(group, info_name="edgevision", max_content_width=100)
    commands = dict(_commands(group, root))
    pages = {f"{FOLDER}/{name}.md": _page(command, root, name) for name, command in commands.items()}
    return {f"{FOLDER}/index.md": _index(commands, root)} | pages


def _commands(group: click.Group, ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is not None and not command.hidden:
            yield name, command


def _index(commands: Mapping[str, click.Command], root: click.Context) -> str:
    rows = [f"| [`edgevision {name}`]({name}.md) | {_cell(_summary(one))} |" for name, one in commands.items()]
    return "\n".join(
        [
            "# Command line",
            "",
            "Every command has `--help`. Exit codes are listed in [Exit codes](../../exit-codes.md).",
            "",
            "| command | purpose |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _page(command: click.Command, parent: click.Context, name: str) -> str:
    lines = [f"# edgevision {name}", ""]
    lines += _body(command, parent, name, level=2)
    return "\n".join(lines) + "\n"


def _body(command: click.Command, parent: click.Context, name: str, level: int) -> list[str]:
    ctx = click.Context(command, info_name=name, parent=parent, max_content_width=100)
    usage = " ".join(command.collect_usage_pieces(ctx))
    lines = [*_help(command), "```text", f"{ctx.command_path} {usage}".rstrip(), "```", ""]
    lines += _options(command, ctx, level)
    if isinstance(command, click.Group):
        for sub, child in _commands(command, ctx):
            lines += [f"{'#' * level} {ctx.command_path} {sub}", ""]
            lines += _body(child, ctx, sub, level + 1)
    return lines


def _help(command: click.Command) -> list[str]:
    """Return the help text with its lines joined to paragraphs."""
    text = inspect.cleandoc(command.help or "").partition("\f")[0]
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]
    return [line for paragraph in paragraphs for line in (_prose(paragraph), "")]


def _options(command: click.Command, ctx: click.Context, level: int) -> list[str]:
    records = {
        _name(parameter): record
        for parameter in command.get_params(ctx)
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)) is not None
    }
    groups: Mapping[str, tuple[str, ...]] = getattr(command, "groups", None) or {}
    lines: list[str] = []
    for heading, names in groups.items():
        rows = [records.pop(name) for name in names if name in records]
        lines += _table(heading, rows)
    return lines + _table("Other options" if groups else "Options", list(records.values()))


def _table(heading: str, rows: list[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    body = [f"| <code>{_code(names)}</code> | {_cell(text)} |" for names, text in rows]
    return [f"**{heading}**", "", "| option | meaning |", "|---|---|", *body, ""]


def _name(parameter: click.Option) -> str:
    return "help" if "--help" in parameter.opts else str(parameter.name)


def _summary(command: click.Command) -> str:
    text = inspect.cleandoc(command.help or "")
    return " ".join(re.split(r"\n\s*\n", text)[0].split())


def _code(text: str) -> str:
    """Escape a code span for a table: Markdown dialects differ in what they make of a bar in backticks."""
    return html.escape(text, quote=False).replace("|", "&#124;")


def _cell(text: str) -> str:
    return _prose(" ".join(text.split())).replace("|", "\\|")


def _prose(text: str) -> str:
    """Escape what Markdown would take for markup."""
    return re.sub(r"([*_\[])", r"\\\1", text.replace("<", "&lt;"))
