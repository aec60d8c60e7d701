"""click options made from declared settings, and the command that lists them under headings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import BadInput
from ..settings import AUTO, Setting, from_text, help_text, settings_of, warn_renamed

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)
"""Any path; whether it exists is checked where it is used, with a better message than click's."""
_RENAMED = "edgevision.renamed_options"
_METAVARS = {
    "int": "N",
    "float": "X",
    "ints": "N,N,...",
    "numbers": "X,X,...",
    "text": "TEXT",
    "path": "PATH",
    "texts": "TEXT,TEXT,...",
    "tables": "SPEC",
}


class SettingType(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions
    """Value of a setting, validated as in a configuration file."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.name = setting.kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse and validate a text; a default is stored already."""
        if not isinstance(value, str):
            return value
        try:
            return from_text(self.setting, value)
        except BadInput as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete a choice."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(one) for one in self.setting.choices if str(one).startswith(incomplete)]


class SettingOption(click.Option):
    """The option of a setting; a flag can be switched off, too, as ``--no-name``."""

    def __init__(self, declarations: list[str], *, setting: Setting, **more: Any) -> None:
        self.setting = setting
        if setting.kind == "flag":
            more |= {"is_flag": True}
        elif setting.kind == "tables":
            more |= {"type": SettingType(setting), "metavar": _metavar(setting), "multiple": True}
        else:
            more |= {"type": PATH if setting.kind == "path" else SettingType(setting), "metavar": _metavar(setting)}
        super().__init__(declarations, default=setting.default, help=help_text(setting), **more)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the help entry: a flag that is off by default is listed without ``--no-name``."""
        record = super().get_help_record(ctx)
        plain = self.is_flag and not self.setting.default
        return record if record is None or not plain else (", ".join(self.opts), record[1])


class GroupedCommand(click.Command):
    """Command that lists its options under headings and still accepts the former names of settings."""

    groups: dict[str, tuple[str, ...]]
    """Heading -> names of parameters."""

    def __init__(self, *args: Any, groups: dict[str, tuple[str, ...]] | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.groups = groups or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Replace former names by the present ones."""
        options = [one for one in self.params if isinstance(one, SettingOption)]
        new_names = {_option(old): one.setting.option for one in options for old in one.setting.old_names}
        end = args.index("--") if "--" in args else len(args)
        for place, (name, equals, value) in enumerate(arg.partition("=") for arg in args[:end]):
            if name in new_names:
                args[place] = new_names[name] + equals + value
                ctx.meta.setdefault(_RENAMED, {})[name] = new_names[name]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Warn of former names, now that --quiet is known, and run the command."""
        for old, new in ctx.meta.get(_RENAMED, {}).items():
            warn_renamed(old, new)
        return super().invoke(ctx)

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
            with formatter.section("Other" if self.groups else "Options"):
                formatter.write_dl(list(records.values()))


def option_of(setting: Setting, **changes: Any) -> Callable[[F], F]:
    """Return a decorator that adds the option of a setting, or of a copy of it with ``changes``."""
    made = setting._replace(**changes)
    name = made.name or ("as_json" if made.key == "json" else made.key)
    if made.argument:
        return click.argument(name, type=PATH, required=False)
    switch = f"{made.option}/--no-{made.option[2:]}" if made.kind == "flag" else made.option
    declarations = [made.short, switch] if made.short else [switch]
    return click.option(*declarations, name, cls=SettingOption, setting=made)


def setting_options(*records: type, only: Iterable[str] | None = None) -> Callable[[F], F]:
    """Return a decorator that adds one option for each setting of the records, or for those named in ``only``."""
    every = [one for record in records for name, one in settings_of(record).items() if only is None or name in only]

    def decorate(function: F) -> F:
        for one in reversed(every):
            function = option_of(one)(function)
        return function

    return decorate


def headings(*records: type, first: Iterable[str] = (), **more: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return heading -> parameter names, for ``GroupedCommand``, in the order of the records.

    Args:
        records: Records of settings, whose groups are the headings.
        first: Headings that come before those.
        more: Names of parameters that are not settings, by heading.
    """
    found: dict[str, tuple[str, ...]] = dict.fromkeys(first, ())
    for record in records:
        for name, one in settings_of(record).items():
            if one.group:
                found[one.group] = (*found.get(one.group, ()), name)
    return found | {heading: (*found.get(heading, ()), *names) for heading, names in more.items()}


def list_of(setting: Setting, text: str) -> tuple[Any, ...]:
    """Return the different values of a setting in a text separated by commas. Raises click.BadParameter."""
    try:
        return tuple(dict.fromkeys(from_text(setting, part.strip()) for part in text.split(",")))
    except BadInput as error:
        raise click.BadParameter(str(error), param_hint=f"'{setting.option}'") from None


def finite(_: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Reject NaN and infinity, which click's range types accept."""
    if value is not None and not abs(value) < float("inf"):
        raise click.BadParameter(f"expected a finite number, got {value}", param=parameter)
    return value


def _metavar(setting: Setting) -> str:
    if setting.metavar:
        return setting.metavar
    text = "|".join(map(str, setting.choices)) or _METAVARS[setting.kind]
    return f"[{text}|{AUTO}]" if setting.auto else f"[{text}]" if setting.choices else text


def _option(key: str) -> str:
    return "--" + key.replace("_", "-")


def _name(parameter: click.Option) -> str:
    return "help" if "--help" in parameter.opts else str(parameter.name)
