"""Tests of bundle verification: every way in which a bundle can differ from its manifest is rejected."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from edgevision.device.installer.archive.manifest import NEEDED, Entry, Manifest, parse, release_id
from edgevision.device.installer.archive.verify import read
from edgevision.device.installer.base.errors import Refused
from hypothesis import given, settings
from hypothesis import strategies as st

FILES = {name: f"content of {name}".encode() * 50 for name in (*NEEDED, "wheels/a-1-py3-none-any.whl")}


def manifest(files: dict[str, bytes] = FILES, **changes: Any) -> bytes:
    entries = {name: Entry(len(data), hashlib.sha256(data).hexdigest()) for name, data in sorted(files.items())}
    return Manifest(release_id("model", entries), "3.11", "aarch64", "0.1.0", entries).dumps()


def member(name: str, size: int = 0, **attributes: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def pack(members: list[tuple[tarfile.TarInfo, bytes]], format: int = tarfile.USTAR_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return lzma.compress(stream.getvalue(), preset=0)


def members(files: dict[str, bytes] = FILES, raw: bytes | None = None) -> list[tuple[tarfile.TarInfo, bytes]]:
    everything = {"manifest.json": manifest(files) if raw is None else raw, **dict(sorted(files.items()))}
    return [(member(name, len(data)), data) for name, data in everything.items()]


def refused(tmp_path: Path, data: bytes, match: str) -> None:
    """Check that the bundle is rejected with this reason and that nothing was written outside the folder."""
    path, into = tmp_path / "b.tar.xz", tmp_path / "into" / "here"
    path.write_bytes(data)
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    with pytest.raises(Refused, match=match) as error:
        read(path, into=into)
    assert "\n" not in str(error.value)
    assert {one.name for one in tmp_path.iterdir()} == {"b.tar.xz", "into"}
    assert [one.name for one in (tmp_path / "into").iterdir()] == ["here"]
    assert not [one for one in into.rglob("*") if one.is_symlink()]


def test_read_unpacks_valid_bundle(tmp_path: Path) -> None:
    path, into = tmp_path / "b.tar.xz", tmp_path / "into"
    path.write_bytes(pack(members()))
    into.mkdir()
    found = read(path, into=into)
    assert {name: (into / name).read_bytes() for name in FILES} == FILES
    assert (found.signed, found.manifest.python, found.manifest.arch) == (False, "3.11", "aarch64")


@pytest.mark.parametrize(
    "name", ["../out", "/etc/passwd", "wheels/../../out", "a/b/c", ".hidden", "a b", "", "wheels//x"]
)
def test_read_rejects_names_outside_the_folder(name: str, tmp_path: Path) -> None:
    files = {**FILES, name: b"x"}
    value = json.loads(manifest(FILES))
    value["files"] = {key: {"bytes": len(data), "sha256": "0" * 64} for key, data in sorted(files.items())}
    refused(tmp_path, pack(members(raw=json.dumps(value).encode())), "file name")
    # The name is only in the archive; the manifest is valid.
    rest = [*members()[:1], (member(name, 1), b"x"), *members()[1:]]
    refused(tmp_path, pack(rest), "file name|got ''")


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.DIRTYPE, "a folder"),
        (tarfile.FIFOTYPE, "a pipe"),
    ],
)
def test_read_rejects_entries_that_are_not_files(kind: bytes, word: str, tmp_path: Path) -> None:
    odd = member("install.pyz", type=kind, linkname="/etc/passwd")
    refused(tmp_path, pack([members()[0], (odd, b""), *members()[1:]]), word)


def test_read_rejects_extended_headers(tmp_path: Path) -> None:
    long = member("x" * 150, 1)
    refused(tmp_path, pack([*members(), (long, b"x")], tarfile.PAX_FORMAT), "unknown kind")
    refused(tmp_path, pack([*members(), (long, b"x")], tarfile.GNU_FORMAT), "not a ustar")


def test_read_rejects_content_that_differs_from_the_manifest(tmp_path: Path) -> None:
    changed = {**FILES, "model.tflite": FILES["model.tflite"][::-1]}
    refused(tmp_path, pack(members(changed, manifest())), "model.tflite does not match .* sha256")
    longer = {**FILES, "model.tflite": FILES["model.tflite"] + b"!"}
    refused(tmp_path, pack(members(longer, manifest())), "manifest says")
    lacking = {name: data for name, data in FILES.items() if not name.startswith("wheels")}
    refused(tmp_path, pack(members(lacking, manifest())), "missing")
    refused(tmp_path, pack([*members(), members()[-1]]), "twice")
    more = members()
    refused(tmp_path, pack([more[0], more[1], more[1], *more[2:]]), "does not match its manifest")
    refused(tmp_path, pack(members()[1:]), "not a bundle")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda value: value.update(schema="edgevision.bundle/2"), "expected schema"),
        (lambda value: value.update(id="../../etc-000000000000"), "id"),
        (lambda value: value.update(id="model-000000000000"), "id"),
        (lambda value: value.pop("python"), "missing or invalid"),
        (lambda value: value.update(files=[]), "must list"),
        (lambda value: value["files"].pop("install.pyz"), "does not list install.pyz"),
        (lambda value: value["files"]["run.toml"].update(bytes=10**15), "invalid size"),
        (lambda value: value["files"]["run.toml"].update(bytes=-1), "invalid size"),
        (lambda value: value["files"]["run.toml"].update(sha256="00"), "missing sha256"),
        (lambda value: value["files"].update(zz={"bytes": 2**29, "sha256": "0" * 64}), "more than"),
    ],
)
def test_read_rejects_invalid_manifests(change: Callable[[Any], None], match: str, tmp_path: Path) -> None:
    value = json.loads(manifest())
    change(value)
    refused(tmp_path, pack(members(raw=json.dumps(value).encode())), match)


def test_read_rejects_truncated_and_foreign_archives(tmp_path: Path) -> None:
    whole = pack(members())
    refused(tmp_path, b"", "truncated")
    refused(tmp_path, b"PK\3\4 and what follows in a zip", "not a .tar.xz")
    refused(tmp_path, whole + b"more", "after the end")
    for end in range(0, len(whole), 7):
        refused(tmp_path, whole[:end], "truncated")


def test_read_does_not_unpack_archive_bombs(tmp_path: Path) -> None:
    huge = member("edgevision.service", 8**11 - 1)  # the size is only declared; zeros follow
    header = huge.tobuf(tarfile.USTAR_FORMAT)
    first = io.BytesIO()
    with tarfile.open(fileobj=first, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info, data = members()[0]
        archive.addfile(info, io.BytesIO(data))
        length = archive.offset
    refused(tmp_path, lzma.compress(first.getvalue()[:length] + header + bytes(10**6), preset=0), "manifest says")
    refused(tmp_path, pack([(member("manifest.json", 10**7), bytes(10**7))]), "at most")


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_read_detects_any_changed_byte(at: int, flip: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = bytearray(pack(members()))
    data[at % len(data)] ^= flip
    path = tmp_path_factory.mktemp("changed") / "b.tar.xz"
    path.write_bytes(data)
    with pytest.raises(Refused):
        read(path)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_parse_rejects_arbitrary_json(value: Any) -> None:
    for one in (value, {"schema": "edgevision.bundle/1", "files": value}, {**json.loads(manifest()), "files": value}):
        with pytest.raises(Refused):
            parse(json.dumps(one).encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2000))
def test_read_rejects_arbitrary_bytes(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "b"
        for content in (data, lzma.compress(data, preset=0), lzma.compress(bytes(512) + data, preset=0)):
            path.write_bytes(content)
            with pytest.raises(Refused):
                read(path)
