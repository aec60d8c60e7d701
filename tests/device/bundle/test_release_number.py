"""Tests of the number of a signed release."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from edgevision.device.bundle.build import BundleOptions, _number
from edgevision.device.bundle.target import Target
from edgevision.device.installer.archive.manifest import Entry, Manifest, parse, release_id
from edgevision.device.installer.base.errors import Refused

from edgevision.errors import BadInput, UsageError

KEY = Path("key.pem")


def options(**given: object) -> BundleOptions:
    return BundleOptions(Path("m.tflite"), Target("3.11", "aarch64"), **given)  # type: ignore[arg-type]


def test_signed_releases_are_numbered_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    before = int(time.time())
    number = _number(options(sign=KEY))
    assert number is not None and before <= number <= time.time() + 1
    assert _number(options()) is None
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764470000")
    assert _number(options(sign=KEY)) == 1764470000
    assert _number(options(sign=KEY, number=7)) == 7
    for wrong in ("soon", "-1", "0", "1" * 30):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", wrong)
        with pytest.raises(BadInput, match="SOURCE_DATE_EPOCH: expected seconds since 1970"):
            _number(options(sign=KEY))


def test_number_needs_a_signature() -> None:
    with pytest.raises(UsageError, match="needs --sign"):
        _number(options(number=7))


@pytest.mark.parametrize("number", [0, -1, 1.5, True, "7", 2**53, [1]])
def test_invalid_numbers_in_a_manifest_are_refused(number: object) -> None:
    names = ("edgevision.service", "install.pyz", "model.tflite", "run.toml")
    files = {name: Entry(1, "0" * 64) for name in names}
    manifest = Manifest(release_id("m", files), "3.11", "aarch64", "0.1.0", files, 7)
    raw = manifest.dumps()
    assert parse(raw) == manifest
    value = json.loads(raw) | {"number": number}
    with pytest.raises(Refused, match="expected a release number"):
        parse(json.dumps(value).encode())
