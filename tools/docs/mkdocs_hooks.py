"""The hook of MkDocs: takes in the pages at the top of the repository, and lists folders in the navigation."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent.parent
TOP = {
    # file at the top of the repository -> page of the site
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing/index.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "calibration_images/README.md": "guides/calibration-images.md",
}
"""Links between these and docs/ are written as they work in the repository; the site gets them rewritten."""
_LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")


def on_config(config: Any) -> Any:
    """Replace ``folder/*`` in the navigation by the pages of the folder; drop pages that do not exist."""
    config.nav = _expand(config.nav, Path(config.docs_dir))
    return config


def on_files(files: Files, *, config: Any) -> Files:
    """Add the pages from the top of the repository."""
    for name, page in TOP.items():
        path = ROOT / name
        if path.is_file():
            files.append(File.generated(config, page, content=path.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Point links at where the pages are in the site."""
    place = page.file.src_uri
    origin = next((name for name, target in TOP.items() if target == place), f"docs/{place}")

    def rewrite(match: re.Match[str]) -> str:
        target = match[2]
        if re.match(r"[a-z]+:", target):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
        inside = TOP.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if inside is None:
            return match[0]
        return f"{match[1]}{posixpath.relpath(inside, posixpath.dirname(place) or '.')}{match[3]}"

    if not (ROOT / "SECURITY.md").is_file():
        markdown = re.sub(r"\[([^]]*)\]\([./]*SECURITY\.md\)", r"\1", markdown)
    return _LINK.sub(rewrite, markdown)


def _expand(items: list[Any], docs: Path) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if isinstance(item, str) and item.endswith("/*"):
            pages = sorted((docs / item[:-2]).glob("*.md"), key=lambda path: (path.name != "index.md", path.name))
            found += [path.relative_to(docs).as_posix() for path in pages]
        elif isinstance(item, dict):
            (title, value), *_ = item.items()
            inner = _expand(value if isinstance(value, list) else [value], docs)
            found += [{title: inner if isinstance(value, list) else inner[0]}] if inner else []
        elif _may_be_absent(item) and not _exists(item, docs):
            continue
        else:
            found.append(item)
    return found


def _may_be_absent(page: str) -> bool:
    """Return whether a page is left out quietly: generated from an input that does not exist yet, or SECURITY.md."""
    return page.startswith("reference/generated/") or page == TOP["SECURITY.md"]


def _exists(page: str, docs: Path) -> bool:
    return (docs / page).is_file() or any(target == page and (ROOT / top).is_file() for top, target in TOP.items())
