"""YAML from outside: plain values only, no aliases that multiply, limited size."""

from __future__ import annotations

from typing import Any

from ...errors import BadInput, missing_dependencies

MAX_CHARACTERS = 4_000_000
MAX_DEPTH = 20
"""Deepest nesting of lists and mappings."""


def load_yaml(text: str, what: str) -> Any:
    """Return the lists, mappings and texts of a YAML document; numbers, ``yes`` and ``null`` stay the texts they are.

    Raises BadInput, whose message starts with ``what``, or MissingDependency.
    """
    with missing_dependencies():
        import yaml
    if len(text) > MAX_CHARACTERS:
        raise BadInput(f"{what} is too large: {len(text)} characters; at most {MAX_CHARACTERS} are allowed")
    try:
        depth = 0
        for event in yaml.parse(text, yaml.BaseLoader):
            if isinstance(event, yaml.AliasEvent):
                raise BadInput(f"{what} has aliases (*name), which are not read; write the values out")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise BadInput(f"{what} is nested too deeply: at most {MAX_DEPTH} levels are allowed")
        return yaml.load(text, yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{what}, line {mark.line + 1}" if mark else what
        raise BadInput(f"{where} is not valid YAML: {getattr(error, 'problem', None) or error}") from None
