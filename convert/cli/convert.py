"""``edgevision convert``: converts a Keras model or a float .tflite to one self-describing int8 .tflite."""

from __future__ import annotations

from typing import Any

import click

from edgevision.cli.options import PATH, json_option, quiet_option
from edgevision.cli.setting_options import GroupedCommand, headings, setting_options
from edgevision.cli.terminal import say, say_json
from edgevision.settings import settings_of

from ..keras_files.load_options import LoadOptions
from ..options import ConvertOptions
from ..source_model.preprocessing_options import PreprocessingOptions

RECORDS = (ConvertOptions, LoadOptions, PreprocessingOptions)


@click.command(
    cls=GroupedCommand,
    groups=headings(
        *RECORDS,
        first=("Images", "Model", "Preprocessing"),
        Output=("as_json", "quiet", "verbose", "help"),
    ),
)
@click.argument("model", type=PATH)
@setting_options(*RECORDS)
@json_option
@quiet_option
def convert(as_json: bool, quiet: bool, **values: Any) -> None:
    """Quantize a Keras MODEL (.keras, .h5 or SavedModel folder) or a float .tflite to a self-describing int8 .tflite and report
    the accuracy loss."""
    from ..conversion_notes import WARNING
    from ..pipeline import convert as run
    from ..report import summary
    from .progress import terminal_progress

    with terminal_progress(quiet) as progress:
        report = run(_options(values), progress)
    for note in report.notes:
        if note.startswith(WARNING):
            say(note, err=True)
        elif not quiet:
            say(f"note: {note}", err=True)
    if as_json:
        say_json(report.to_json())
    else:
        from rich.console import Console

        Console(highlight=False, markup=False, emoji=False).print(summary.table(report))
        for line in summary.lines(report):
            say(line)
    failure = report.failure()
    if failure is not None:
        raise failure


def _options(values: dict[str, Any]) -> ConvertOptions:
    parts = {record: {name: values.pop(name) for name in settings_of(record)} for record in RECORDS}
    return ConvertOptions(
        preprocessing=PreprocessingOptions(**parts[PreprocessingOptions]),
        load=LoadOptions(**parts[LoadOptions]),
        **parts[ConvertOptions],
        **values,
    )
