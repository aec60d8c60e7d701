"""LiteRT.js, the runtime of the page: two npm packages whose content is known by its SHA-512."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from edgevision.errors import BadInput, EdgeVisionError, MissingDependency, MissingFile
from edgevision.files.atomic import write_bytes
from edgevision.files.cache_home import cache_home
from edgevision.input_file import read_file
from edgevision.log import Log

log = Log("edgevision.export")
VERSION = "2.5.3"
REGISTRY = "https://registry.npmjs.org"
SECONDS = 60
"""Longest wait for the server (s)."""
MAX_BYTES = 20_000_000
LEVEL = 6
"""Compression of the .wasm files; the highest one saves 0.3 % more and takes twice as long."""


class Package(NamedTuple):
    """An npm package of one version."""

    name: str
    sha512: str
    """Base64, as npm shows it in ``dist.integrity``."""

    @property
    def file(self) -> str:
        """Name of the archive, as ``npm pack`` names it."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{VERSION}.tgz"

    @property
    def url(self) -> str:
        """Address of the archive on npm's registry."""
        return f"{REGISTRY}/{self.name}/-/{self.name.rpartition('/')[2]}-{VERSION}.tgz"


CORE = Package(
    "@litertjs/core",
    "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
)
UTILS = Package(
    "@litertjs/wasm-utils",
    "4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
)
BUILDS = ("litert_wasm_internal", "litert_wasm_compat_internal")
"""Builds of the runtime that the page uses: with relaxed SIMD and without; the others need threads or JSPI."""
IMPORT, IMPORT_HERE = b'from "@litertjs/wasm-utils"', b'from "./wasm-utils.js"'
CHANGED = b"// @litertjs/core, changed by edgevision: @litertjs/wasm-utils is imported from the file beside this one.\n"


def runtime_files(folder: Path | None) -> dict[str, bytes]:
    """Return name -> content of the files of the runtime. Raises MissingFile, BadInput, MissingDependency.

    ``folder``: where ``npm pack`` wrote the two archives; None: they are fetched once and kept in the user's cache.
    """
    core, utils = (_archive(package, folder) for package in (CORE, UTILS))
    return dict(_unpacked(core, utils))


@lru_cache(
    maxsize=1
)  # compressing takes longer than the rest of an export, and whoever exports several models needs it once
def _unpacked(core: bytes, utils: bytes) -> dict[str, bytes]:
    """Return name -> content of the files of the runtime, from the two archives."""
    builds = _members(core, "wasm", [f"{build}{suffix}" for build in BUILDS for suffix in (".js", ".wasm")])
    source = _members(core, "dist", ["index.js"])["index.js"]
    assert source.count(IMPORT) == 1  # the content is known
    return {
        "litert.js": CHANGED + source.replace(IMPORT, IMPORT_HERE),
        "wasm-utils.js": _members(utils, "dist", ["index.js"])["index.js"],
        **{name: data for name, data in builds.items() if name.endswith(".js")},
        **{
            f"{name}.gz": gzip.compress(data, LEVEL, mtime=0) for name, data in builds.items() if name.endswith(".wasm")
        },
    }


def cache_folder() -> Path:
    """Return the folder in which fetched archives are kept; it may not exist."""
    return cache_home() / "npm"


def _archive(package: Package, folder: Path | None) -> bytes:
    if folder is not None:
        return _given(package, folder)
    kept = cache_folder() / package.file
    if kept.is_file():
        data = read_file(kept, "npm package", MAX_BYTES)
        if _is_genuine(package, data):
            return data
        log.info("%s is damaged; it is fetched again", kept)
    data = _fetched(package)
    if not _is_genuine(package, data):
        raise BadInput(
            f"{package.url}: the content is not that of {package.name} {VERSION} (SHA-512 differs); {_advice()}"
        )
    write_bytes(kept, data)
    return data


def _given(package: Package, folder: Path) -> bytes:
    path = folder / package.file
    if not path.is_file():
        raise MissingFile(
            f"{path} not found: --runtime needs the archives of LiteRT.js; make them there with {_pack()}"
        )
    data = read_file(path, "npm package", MAX_BYTES)
    if not _is_genuine(package, data):
        raise BadInput(f"{path}: its SHA-512 is not that of {package.name} {VERSION}; make it again with {_pack()}")
    return data


def _fetched(package: Package) -> bytes:
    log.info("fetching %s", package.url)
    try:
        with urlopen(package.url, timeout=SECONDS) as answer:
            data: bytes = answer.read(MAX_BYTES + 1)
            return data
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise MissingDependency(f"LiteRT.js could not be fetched from {package.url}: {reason}; {_advice()}") from None


def _is_genuine(package: Package, data: bytes) -> bool:
    return base64.b64encode(hashlib.sha512(data).digest()).decode() == package.sha512


def _members(archive: bytes, folder: str, names: Sequence[str]) -> dict[str, bytes]:
    """Return files of a folder of an npm package whose SHA-512 is known."""
    wanted = {f"package/{folder}/{name}": name for name in names}
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r|gz") as opened:  # read once, from front to back
        for member in opened:
            stream = opened.extractfile(member) if member.name in wanted else None
            if stream is not None:
                found[wanted[member.name]] = stream.read()
    return found


def _pack() -> str:
    return f"npm pack {CORE.name}@{VERSION} {UTILS.name}@{VERSION}"


def _advice() -> str:
    return f"on a machine with a network, run {_pack()}, and give the folder with --runtime DIR"


def main() -> None:
    """Fetch the archives into the folder named on the command line, for tests without a network later."""
    import sys

    try:
        for package in (CORE, UTILS):
            write_bytes(Path(sys.argv[1]) / package.file, _archive(package, None))
    except EdgeVisionError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
