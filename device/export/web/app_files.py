"""The files of the app that are the same for every model, and those that name what is in it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata, resources
from typing import Any

from edgevision import __version__
from edgevision.errors import MissingFile

from ...page import assets as page_assets
from . import runtime

ROOT_FILES = ("index.html", "sw.js")
"""Assets beside which the folders ``app``, ``model``, ``runtime`` and ``licenses`` are."""
ICONS = ("icon.svg", "icon-192.png", "icon-512.png", "icon-maskable-512.png")
"""Icons, which are those of the live page."""
LATE = tuple(f"runtime/{build}{suffix}" for build in runtime.BUILDS for suffix in (".js", ".wasm.gz"))
"""Files that the service worker keeps when a browser asks for them: it needs only one of the builds."""
NOTICE = f"""This folder is a web app made by edgevision {__version__} (Apache License 2.0, see Apache-2.0.txt).

runtime/  LiteRT.js: {runtime.CORE.name} and {runtime.UTILS.name} {runtime.VERSION}, Copyright Google LLC, Apache License 2.0
          (see Apache-2.0.txt), from https://www.npmjs.com/package/{runtime.CORE.name}. litert.js is its dist/index.js with one
          import changed to a relative path; the .wasm files are compressed with gzip. The packages contain no other license
          texts and no list of the libraries inside the .wasm files.
model/    the model, under the license of whoever made it. edgevision may have changed the types and shapes of its outputs.
"""


def app_files(name: str, version: str, others: Sequence[str]) -> dict[str, bytes]:
    """Return path -> content of everything but the model and the runtime; ``others``: the paths of those."""
    own = _assets()
    made = {f"app/{path}": data for path, data in own.items() if path not in ROOT_FILES}
    made |= {f"app/{icon}": page_assets.files(_PAGE)[icon] for icon in ICONS}
    made["index.html"] = own["index.html"]
    made["manifest.webmanifest"] = _manifest(name)
    made["licenses/NOTICE.txt"] = NOTICE.encode()
    made["licenses/Apache-2.0.txt"] = _license()
    made["sw.js"] = _service_worker(own["sw.js"], version, sorted({*made, *others}))
    return made


def version_of(files: Mapping[str, bytes], facts: Mapping[str, Any]) -> str:
    """Return what changes whenever the app does: a digest of all its content."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, data in sorted([*files.items(), *_assets().items()]):
        digest.update(f"{name} {len(data)} ".encode())
        digest.update(data)
    return digest.hexdigest()[:16]


_PAGE = page_assets.__package__ or ""


@cache
def _assets() -> dict[str, bytes]:
    folder = resources.files(__package__) / "assets"
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.name.endswith((".html", ".css", ".js"))}


def _license() -> bytes:
    """Return the license of edgevision, from the metadata of the package or, in a checkout, from beside it."""
    for found in metadata.distributions(name="edgevision"):
        text = found.read_text("licenses/LICENSE") or found.read_text("../LICENSE")
        if text is not None:
            return text.encode()
    raise MissingFile(
        "the license of edgevision is not installed with it; run: pip install --force-reinstall edgevision"
    )


def _manifest(name: str) -> bytes:
    sizes = (("icon.svg", "any"), ("icon-192.png", "192x192"), ("icon-512.png", "512x512"))
    icons = [{"src": f"app/{icon}", "sizes": size} for icon, size in sizes]
    icons.append({"src": "app/icon-maskable-512.png", "sizes": "512x512", "purpose": "maskable"})
    content = {
        "name": name,
        "short_name": name[:12],
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#0d1514",
        "theme_color": "#0f766e",
        "icons": icons,
    }
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def _service_worker(template: bytes, version: str, names: Sequence[str]) -> bytes:
    kept = ["./", *(name for name in names if name not in LATE)]
    text = template.decode()
    for line, value in (("VERSION", json.dumps(version)), ("FILES", json.dumps(kept))):
        text, count = re.subn(rf"(?m)^const {line} = .*;$", lambda _: f"const {line} = {value};", text)  # noqa: B023
        assert count == 1, line
    return text.encode()
