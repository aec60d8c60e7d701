"""Questions at a terminal: a default in brackets, what was wrong, and the question again."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from typing import TypeVar

from edgevision.errors import BadInput, UnknownName, nearest
from edgevision.reporting.terminal import printable

T = TypeVar("T")


def say(text: str = "") -> None:
    """A line of the dialogue; no command for the terminal gets through."""
    print(printable(text))


def ask(question: str, check: Callable[[str], T], default: str = "") -> T:
    """What ``check`` makes of the answer; asked until it takes one. Raises EOFError, KeyboardInterrupt."""
    shown = f"{question} [{default}]: " if default else f"{question}: "
    return _until_right(lambda: check(input(printable(shown)) or default))


def choose(question: str, choices: Mapping[str, str], default: str = "") -> str:
    """One of some words, shown with what they mean. Raises EOFError, KeyboardInterrupt."""
    width = max(map(len, choices))
    for word, meaning in choices.items():
        say(f"  {word:{width}}  {meaning}")

    def check(text: str) -> str:
        word = text.strip().lower()
        if word not in choices:
            raise BadInput(f"it is one of {', '.join(choices)}{nearest(word, [*choices])}")
        return word

    return ask(question, check, default)


def confirm(question: str, default: bool) -> bool:
    """Yes or no. Raises EOFError, KeyboardInterrupt."""
    words = {"y": True, "yes": True, "n": False, "no": False, "": default}

    def check(text: str) -> bool:
        if text.strip().lower() not in words:
            raise BadInput("write y or n")
        return words[text.strip().lower()]

    return ask(f"{question} [{'Y/n' if default else 'y/N'}]", check)


def ask_hidden(question: str, check: Callable[[str], T], optional: bool = False) -> T | None:
    """What is typed is not shown, and typed twice. ``optional``: an empty answer is None. Raises EOFError,
    KeyboardInterrupt."""

    def twice() -> T | None:
        first = getpass.getpass(f"{question} (not shown): ")
        if optional and not first:
            return None
        found = check(first)
        if getpass.getpass("Once more: ") != first:
            raise BadInput("the two are not the same")
        return found

    return _until_right(twice)


def _until_right(answer: Callable[[], T]) -> T:
    while True:
        try:
            return answer()
        except (BadInput, UnknownName) as error:
            say(f"  {error}")
        except UnicodeError:
            say("  that is no text in UTF-8")
