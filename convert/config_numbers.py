"""The numbers in a setting of a serialized layer."""

from __future__ import annotations

from collections.abc import Mapping

HUGE = 1e30
"""What is larger counts as this: whole numbers in JSON have no end."""


def numbers(value: object) -> list[float]:
    """All numbers of a setting, in whatever lists; truth values and text are none."""
    found: list[float] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, (list, tuple)):
            stack.extend(reversed(item))
        elif isinstance(item, Mapping) and item.get("class_name") in ("__tuple__", "TensorShape"):
            stack.append(item.get("items"))
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            found.append(min(HUGE, item) if item == item else item)
    return found
