"""What must be undone when this process has to end at once: children, temporary folders, unfinished records.

Usually ``finally`` does all of it. But a thread that is busy in native code, such as TensorFlow, unwinds no stack; the
command line then calls ``run_all`` and ends the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Action = Callable[[int], object]
"""Called with the exit code of the process."""
_actions: dict[object, Action] = {}


@contextmanager
def at_once(action: Action) -> Iterator[None]:
    """Call ``action`` if the process has to end within the block; what the block does at its own end is up to it."""
    key = add(action)
    try:
        yield
    finally:
        remove(key)


def add(action: Action) -> object:
    """Register an action and return the key for ``remove``."""
    key = object()
    _actions[key] = action
    return key


def remove(key: object) -> None:
    """Remove an action; does nothing if it was removed before."""
    _actions.pop(key, None)


def run_all(exit_code: int) -> None:
    """Run all actions, the last one first. A failure of one does not stop the others."""
    for action in reversed(list(_actions.values())):
        with suppress(Exception):
            action(exit_code)
