"""Interactive questions at a terminal; an invalid answer shows an error and repeats the question."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from typing import TypeVar

from edgevision.cli.terminal import say as say
from edgevision.errors import BadInput, UnknownName, nearest
from edgevision.reporting.terminal import printable

T = TypeVar("T")


def ask(question: str, check: Callable[[str], T], default: str = "") -> T:
    """Ask until ``check`` accepts the answer, and return its result. Raises EOFError, KeyboardInterrupt."""
    shown = f"{question} [{default}]: " if default else f"{question}: "
    return _until_right(lambda: check(input(printable(shown)) or default))


def choose(question: str, choices: Mapping[str, str], default: str = "") -> str:
    """Ask for one of ``choices``, which are shown with their meanings. Raises EOFError, KeyboardInterrupt."""
    width = max(map(len, choices))
    for word, meaning in choices.items():
        say(f"  {word:{width}}  {meaning}")

    def check(text: str) -> str:
        word = text.strip().lower()
        if word not in choices:
            raise BadInput(f"choose one of {', '.join(choices)}{nearest(word, [*choices])}")
        return word

    return ask(question, check, default)


def confirm(question: str, default: bool) -> bool:
    """Ask a yes/no question. Raises EOFError, KeyboardInterrupt."""
    words = {"y": True, "yes": True, "n": False, "no": False, "": default}

    def check(text: str) -> bool:
        if text.strip().lower() not in words:
            raise BadInput("answer y or n")
        return words[text.strip().lower()]

    return ask(f"{question} [{'Y/n' if default else 'y/N'}]", check)


def ask_hidden(question: str, check: Callable[[str], T], optional: bool = False) -> T | None:
    """Ask for hidden input twice; ``optional``: an empty answer gives None. Raises EOFError, KeyboardInterrupt."""

    def twice() -> T | None:
        first = getpass.getpass(f"{question} (hidden): ")
        if optional and not first:
            return None
        found = check(first)
        if getpass.getpass("Repeat: ") != first:
            raise BadInput("the two entries differ")
        return found

    return _until_right(twice)


def _until_right(answer: Callable[[], T]) -> T:
    while True:
        try:
            return answer()
        except (BadInput, UnknownName) as error:
            say(f"  {error}")
        except UnicodeError:
            say("  the answer is not valid UTF-8")
