"""Find phrases that should not come back: word-for-word translations, private vocabulary, British spelling.

    python -m tools.prose_check [PATH ...]

Checked are comments, docstrings and texts of Python files, and the prose of Markdown files; code in backticks and code blocks
is left out. Prints ``FILE:LINE: phrase -> suggestion`` for each hit; the exit code is 1 if there is one.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (
    "edgevision",
    "convert",
    "device",
    "starter",
    "tools",
    "tests",
    "benchmarks",
    "examples",
    "docs",
    "calibration_images",
)
LEFT_OUT = frozenset({"tools/prose_check.py", "tests/project/test_prose_check.py"})
_MORE = r"(?:long|larg|small|wid|near|fast|slow|quick|high|low|few|lat|new|old|fin|great|earli|bett)er|worse|more|less|other|such"
"""What makes "no" right after "is": it is no longer, no larger, no other."""
PHRASES: tuple[tuple[str, str, str], ...] = (
    # what must be in a file (so that most are passed over quickly), regular expression, suggestion
    ("mend", r"mend(?:s|ed|ing)?", "fix"),
    ("anew", r"anew", "again"),
    ("fare", r"how \w+(?: \w+)? fares?|fares? (?:well|badly)", "status"),
    (" along", r"(?:comes?|came|coming) along", "bundled, or: included"),
    (" harm", r"made to do harm", "corrupt or malicious file"),
    ("is no ", rf"(?<!there )is no (?!{_MORE}|need|one\b|way)[a-z]+", "is not a ..."),
    ("are no ", rf"(?<!there )are no (?!{_MORE})[a-z]+", "are not ..."),
    ("no number", r"(?:scores|values|that are) no numbers?", "NaN or infinite"),
    ("exactly one", r"goes into exactly one", "expected exactly one ..., got N"),
    (" fed", r"says? how it is fed", "has preprocessing metadata"),
    (" back", r"g[ai]ves? back|given back|giving back", "return"),
    (" told", r"(?:is|are|was|were|be|been) told(?! (?:apart|from|by))", "reported"),
    ("half, 95", r"half, 95 and 99", "p50, p95 and p99"),
    ("stranger", r"strangers?", "negatives, or: foreign files"),
    ("surest", r"surest", "most confident"),
    ("judge", r"judged|judgements?", "scored, or: evaluated"),
    (" door", r"(?:public|python|runtime|one|the) doors?", "interface, or: API"),
    ("room", r"rooms|(?:own|other) room", "packages"),
    (" words", r"(?:its|our|these|those|their) words", "arguments"),
    ("disarm", r"disarm(?:s|ed|ing)?", "blank, or: disable"),
    ("picture", r"pictures?", "image"),
    ("colour", r"colour\w*", "color"),
    ("grey", r"grey\w*", "gray"),
    ("our", r"behaviour\w*|neighbour\w*|favour\w*|honour\w*", "American spelling: -or"),
    ("centre", r"centre[ds]?", "center"),
    ("licence", r"licences?", "license"),
    (
        "is",
        r"(?:recogn|normal|optim|quant|initial|organ|serial|emphas|summar|minim|maxim|general|special|util)"
        r"is(?:e[sd]?|ing|ation)",
        "American spelling: -ize",
    ),
    (" aside", r"(?:written|writes?|made|makes?) aside|aside first", "write a temporary file, then rename it"),
    ("so ", r"for so (?:long|many)|so much time|(?:last|after|most|every) so many", "for N seconds, N times"),
    ("for one", r"for one: |, for one, |for one, (?=raw|mobilenet|test:|rtsp|[0-9])", "for example"),
    ("all else", r"all else", "everything else"),
    (" a line", r"(?:object|label|name|one|class|picture|image|entry|row) a line", "per line"),
    (" a ", r"(?:frames?|times?|pictures?|images?) a (?:second|minute)", "per second"),
    ("mid-run", r"in mid-run", "during the run"),
    ("speak", r"speaks? of", "describe, or: name"),
    ("be had", r"(?:can|could|cannot|may|to) be had", "available"),
    (" hand", r"at hand|(?:frame|item) in hand", "available, or: current"),
    (" not the", r"(?:has|have|had) not the", "does not have the"),
    ("go of", r"lets? go of", "release"),
    (" end", r"com(?:es?|ing) to (?:its|an|their) ends?", "end"),
    ("stand", r"stands? (?:beside|behind|there)", "is"),
    ("r", r"whence|thereof|wherein|hitherto", "plain English"),
)
EXCEPTIONS: tuple[tuple[str, str, str], ...] = (
    # file (or folder, with a slash at its end), phrase, why it may stay
    ("tests/emulated/", "colours", "the name of a model in its tests"),
    ("tests/emulated/picamera2/", "picture", "the virtual camera's own name"),
    ("edgevision/evaluation/evaluate.py", "pictures", "a parameter"),
    ("edgevision/datasets/split_names.py", "picture", "a word in names of folders"),
    ("edgevision/datasets/split_names.py", "pictures", "a word in names of folders"),
)
_COMPILED = tuple(
    (
        needle,
        re.compile(rf"\b(?:{pattern})\b".replace(" ", r"\s+").replace(r"there\s+", "there "), re.IGNORECASE),
        suggestion,
    )
    for needle, pattern, suggestion in PHRASES
)
_Compiled = tuple[str, re.Pattern[str], str]
_CODE = re.compile(r"``.+?``|`(?:(?!\n\s*\n)[^`])+`", re.DOTALL)
_FENCE = re.compile(r"^(?P<mark>```|~~~).*?^(?P=mark)[ \t]*$", re.DOTALL | re.MULTILINE)
_BLOCK = re.compile(r"(?:(?<=\n\n)|\A)(?:(?: {4,}|\t)\S[^\n]*(?:\n|\Z)|[ \t]*\n(?= {4}))+", re.MULTILINE)
_BRACES = re.compile(r"\{[^{}\n]*\}")
_LINK = re.compile(r"\]\([^)]*\)|<[^>\n]+>|&#?\w+;")


@dataclass(frozen=True, slots=True)
class Hit:
    """One phrase that was found."""

    path: str
    """Relative to the repository, with forward slashes."""
    line: int
    """Counted from 1."""
    phrase: str
    suggestion: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.phrase!r} -> {self.suggestion}"


def check_text(text: str, path: str) -> list[Hit]:
    """Return the hits in the text of one file, in the order of its lines."""
    lower = text.lower().replace("\n", " ")
    wanted = [one for one in _COMPILED if one[0] in lower and one[1].search(text)]
    if not wanted:
        return []
    parts = _python(text) if path.endswith(".py") else _markdown(text)
    found = [hit for line, part in parts for hit in _find(part, line, path, wanted)]
    return sorted(found, key=lambda hit: hit.line)


def check_files(paths: Iterable[Path], root: Path = ROOT) -> list[Hit]:
    """Return the hits of several files."""
    found: list[Hit] = []
    for path in paths:
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
        found += check_text(path.read_text(encoding="utf-8"), name)
    return found


def files(root: Path = ROOT) -> list[Path]:
    """Return the Python and Markdown files of the project."""
    found = [*root.glob("*.md")]
    for folder in FOLDERS:
        found += [*(root / folder).rglob("*.py"), *(root / folder).rglob("*.md")]
    names = {path.relative_to(root).as_posix(): path for path in found if "generated" not in path.parts}
    return [path for name, path in sorted(names.items()) if name not in LEFT_OUT]


def _find(text: str, line: int, path: str, wanted: Iterable[_Compiled]) -> Iterator[Hit]:
    for _, pattern, suggestion in wanted:
        for match in pattern.finditer(text):
            phrase = " ".join(match[0].split())
            if not _excepted(path, phrase):
                yield Hit(path, line + text.count("\n", 0, match.start()), phrase, suggestion)


def _excepted(path: str, phrase: str) -> bool:
    return any(
        phrase.lower() == allowed.lower() and (path == place or (place.endswith("/") and path.startswith(place)))
        for place, allowed, _ in EXCEPTIONS
    )


def _markdown(text: str) -> Iterator[tuple[int, str]]:
    """Yield the prose: code, links and tags are blanked."""
    for pattern in (_FENCE, _BLOCK, _CODE, _LINK):
        text = pattern.sub(_blank, text)
    yield 1, text


def _python(text: str) -> Iterator[tuple[int, str]]:
    """Yield comments and texts. A text without a blank is a name, a key or a path, not prose."""
    comments: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "COMMENT":
            comments.append((token.start[0], token.string))
        elif kind in ("STRING", "FSTRING_MIDDLE") and (" " in token.string or "\n" in token.string):
            yield token.start[0], _CODE.sub(_blank, _BRACES.sub(_blank, token.string))
    yield from ((line, _CODE.sub(_blank, comment)) for line, comment in comments)


def _blank(match: re.Match[str]) -> str:
    """Keep the line ends, so that lines are counted right."""
    return re.sub(r"[^\n]", " ", match[0])


def main(arguments: list[str]) -> int:
    """Print all hits; return the exit code."""
    given = [Path(name).resolve() for name in arguments]
    left_out = {ROOT / name for name in LEFT_OUT}
    hits = check_files([path for path in given if path not in left_out] if given else files())
    for hit in hits:
        print(hit)
    if hits:
        print(
            f"{len(hits)} phrases in {len({hit.path for hit in hits})} files; what may stay is listed in tools/prose_check.py"
        )
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
