"""Fills the code and guide that an exported folder has with the facts of its model.

``{{name}}`` is replaced by a value. Lines between ``//[condition]`` and ``//[end]`` are kept if the condition holds;
conditions may be nested. In Markdown the marks are comments: ``<!--[condition]-->`` and ``<!--[end]-->``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from importlib import resources

MARK = re.compile(r"\s*(?://|<!--)\[(\w+)\](?:-->)?\s*")
VALUE = re.compile(r"\{\{(\w+)\}\}")


def filled(name: str, values: Mapping[str, str], conditions: Collection[str]) -> bytes:
    """Return a file of this package, such as ``android/README.md``, with its values."""
    text = (resources.files(__package__) / name).read_text("utf-8")
    kept = "\n".join(_kept(text, conditions))
    return (VALUE.sub(lambda found: values[found[1]], kept).rstrip() + "\n").encode()


def _kept(text: str, conditions: Collection[str]) -> Iterator[str]:
    open_marks: list[bool] = []
    for line in text.splitlines():
        mark = MARK.fullmatch(line)
        if mark is None:
            if all(open_marks):
                yield line
        elif mark[1] == "end":
            open_marks.pop()
        else:
            open_marks.append(mark[1] in conditions)
