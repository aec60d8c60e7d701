"""The reference page of settings, read from the records that declare them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from edgevision.settings import Setting, default_text, describe, settings_of

RECORDS = {
    # "module:record" -> its heading and what it is
    "edgevision.device.loop.options:Options": (
        "The loop",
        "Options of `edgevision run`, keys of its configuration files, and of [camera] and [run] in `device.toml`.",
    ),
    "edgevision.evaluation.options:EvaluateOptions": ("Evaluation", "Options of `edgevision evaluate`."),
    "edgevision.inspection.card_options:CardOptions": ("Model card", "Options of `edgevision card`."),
    "edgevision.convert.options:ConvertOptions": ("Conversion", "Options of `edgevision convert`."),
    "edgevision.convert.keras_files.load_options:LoadOptions": (
        "Conversion: the model",
        "What to state about the model file.",
    ),
    "edgevision.convert.source_model.preprocessing_options:PreprocessingOptions": (
        "Conversion: preprocessing",
        "What to state about the images that the model was trained on.",
    ),
    "edgevision.convert.training.config.settings:TrainSettings": (
        "Training",
        "Options of `edgevision train`, and keys of `config.toml`: its sections are [model], [training], [augment] (here "
        "Augmentation), [data] and [output].",
    ),
}


def render(records: Mapping[str, tuple[str, str]] = RECORDS) -> dict[str, str]:
    """Return path -> Markdown of the settings page. Raises LookupError for a record without settings."""
    lines: list[str] = ["# Settings", ""]
    for target, (heading, about) in records.items():
        module, _, name = target.partition(":")
        declared = settings_of(getattr(import_module(module), name))
        if not declared:
            raise LookupError(f"{target} declares no settings")
        lines += [f"## {heading}", "", about, "", *_tables(list(declared.values()))]
    return {"settings.md": "\n".join(lines) + "\n"}


def _tables(rows: list[Setting]) -> Iterator[str]:
    for group in dict.fromkeys(row.group for row in rows):
        if group:
            yield from (f"### {group}", "")
        yield from ("| setting | values | default | meaning |", "|---|---|---|---|")
        for row in (row for row in rows if row.group == group):
            yield f"| `{row.key}` | {_cell(describe(row))} | {_cell(default_text(row))} | {_cell(row.help)} |"
        yield ""


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
