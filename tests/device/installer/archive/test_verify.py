"""What a device refuses before it writes anything: every way in which a bundle can be other than its manifest says."""

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
    """Refused, with that reason, and nothing was written outside the folder."""
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


def test_a_good_one_is_unpacked_as_it_is(tmp_path: Path) -> None:
    path, into = tmp_path / "b.tar.xz", tmp_path / "into"
    path.write_bytes(pack(members()))
    into.mkdir()
    found = read(path, into=into)
    assert {name: (into / name).read_bytes() for name in FILES} == FILES
    assert (found.signed, found.manifest.python, found.manifest.arch) == (False, "3.11", "aarch64")


@pytest.mark.parametrize(
    "name", ["../out", "/etc/passwd", "wheels/../../out", "a/b/c", ".hidden", "a b", "", "wheels//x"]
)
def test_names_that_lead_elsewhere(name: str, tmp_path: Path) -> None:
    files = {**FILES, name: b"x"}
    value = json.loads(manifest(FILES))
    value["files"] = {key: {"bytes": len(data), "sha256": "0" * 64} for key, data in sorted(files.items())}
    refused(tmp_path, pack(members(raw=json.dumps(value).encode())), "file name")
    # The archive alone has it: the manifest is as it should be.
    rest = [*members()[:1], (member(name, 1), b"x"), *members()[1:]]
    refused(tmp_path, pack(rest), "file name|holds ''")


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
def test_what_is_no_file(kind: bytes, word: str, tmp_path: Path) -> None:
    odd = member("install.pyz", type=kind, linkname="/etc/passwd")
    refused(tmp_path, pack([members()[0], (odd, b""), *members()[1:]]), word)


def test_extended_headers(tmp_path: Path) -> None:
    long = member("x" * 150, 1)
    refused(tmp_path, pack([*members(), (long, b"x")], tarfile.PAX_FORMAT), "unknown kind")
    refused(tmp_path, pack([*members(), (long, b"x")], tarfile.GNU_FORMAT), "no ustar")


def test_content_that_is_not_the_manifests(tmp_path: Path) -> None:
    changed = {**FILES, "model.tflite": FILES["model.tflite"][::-1]}
    refused(tmp_path, pack(members(changed, manifest())), "model.tflite is not what .* sha256")
    longer = {**FILES, "model.tflite": FILES["model.tflite"] + b"!"}
    refused(tmp_path, pack(members(longer, manifest())), "manifest says")
    lacking = {name: data for name, data in FILES.items() if not name.startswith("wheels")}
    refused(tmp_path, pack(members(lacking, manifest())), "missing")
    refused(tmp_path, pack([*members(), members()[-1]]), "second time")
    more = members()
    refused(tmp_path, pack([more[0], more[1], more[1], *more[2:]]), "where its manifest lists")
    refused(tmp_path, pack(members()[1:]), "no bundle")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda value: value.update(schema="edgevision.bundle/2"), "another kind"),
        (lambda value: value.update(id="../../etc-000000000000"), "id"),
        (lambda value: value.update(id="model-000000000000"), "id"),
        (lambda value: value.pop("python"), "lacks"),
        (lambda value: value.update(files=[]), "must list"),
        (lambda value: value["files"].pop("install.pyz"), "lists no install.pyz"),
        (lambda value: value["files"]["run.toml"].update(bytes=10**15), "impossible size"),
        (lambda value: value["files"]["run.toml"].update(bytes=-1), "impossible size"),
        (lambda value: value["files"]["run.toml"].update(sha256="00"), "no sha256"),
        (lambda value: value["files"].update(zz={"bytes": 2**29, "sha256": "0" * 64}), "more than"),
    ],
)
def test_manifests_that_make_no_sense(change: Callable[[Any], None], match: str, tmp_path: Path) -> None:
    value = json.loads(manifest())
    change(value)
    refused(tmp_path, pack(members(raw=json.dumps(value).encode())), match)


def test_what_is_no_archive_or_only_a_part_of_one(tmp_path: Path) -> None:
    whole = pack(members())
    refused(tmp_path, b"", "cut off")
    refused(tmp_path, b"PK\3\4 and what follows in a zip", "no .tar.xz")
    refused(tmp_path, whole + b"more", "behind the end")
    for end in range(0, len(whole), 7):
        refused(tmp_path, whole[:end], "cut off")


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    huge = member("edgevision.service", 8**11 - 1)  # the size is a promise only; zeros follow
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
def test_one_changed_byte_anywhere_is_found(at: int, flip: int, tmp_path_factory: pytest.TempPathFactory) -> None:
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
def test_any_json_is_a_manifest_or_refused(value: Any) -> None:
    for one in (value, {"schema": "edgevision.bundle/1", "files": value}, {**json.loads(manifest()), "files": value}):
        with pytest.raises(Refused):
            parse(json.dumps(one).encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_refused_as_an_archive(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "b"
        for content in (data, lzma.compress(data, preset=0), lzma.compress(bytes(512) + data, preset=0)):
            path.write_bytes(content)
            with pytest.raises(Refused):
                read(path)
