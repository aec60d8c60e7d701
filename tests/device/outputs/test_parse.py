"""Specs of ``--to`` and tables of ``[[outputs]]``."""

from __future__ import annotations

from pathlib import Path

import pytest
from edgevision.device.outputs.parse import from_file, parse_spec, placed, to_table
from edgevision.device.outputs.registry import require_distinct
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput


def test_spec_has_kind_target_and_settings() -> None:
    config = parse_spec("jsonl:out/log.jsonl,only=events,labels=cat|dog,threshold=0.5,daily,max-size=10MB")
    assert (config.kind, config.target) == ("jsonl", "out/log.jsonl")
    assert config.delivery.labels == ("cat", "dog")
    assert config.delivery.only == "events"
    assert config.delivery.threshold == 0.5
    assert config.settings.daily
    assert config.settings.max_size == 10_000_000


def test_target_may_contain_a_comma() -> None:
    assert parse_spec("jsonl:a, b.jsonl").target == "a, b.jsonl"


def test_table_and_spec_are_equal() -> None:
    table = {"spec": "csv:log.csv", "labels": ["cat", "a, b"], "keep": 3, "min_interval_s": 2.5}
    assert to_table(from_file(table)) == table


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo:bar", "unknown output 'foo'"),
        ("json:bar", "did you mean"),
        ("jsonl:", "jsonl: no target given"),
        ("exec", "exec: no target given"),
        ("jsonl:x,kep=3", "jsonl has no setting 'kep'"),
        ("jsonl:x,keep=a", "keep: expected a whole number from 0 to 100000, got 'a'"),
        ("jsonl:x,keep=1,keep=2", "keep is given twice"),
        ("jsonl:x,only=none", "only: expected one of events, frames, all"),
        ("jsonl:x\n", "printable"),
        ("exec:no-such-program-anywhere", "program not found"),
    ],
)
def test_wrong_spec_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        opened = parse_spec(text)
        from edgevision.device.outputs.registry import find

        find(opened.kind).open(opened, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", [3, {}, {"spec": 3}, {"spec": "jsonl:x", "labels": "cat"}, {"spec": "jsonl:x", "kep": 1}]
)
def test_wrong_table_is_refused(value: object) -> None:
    with pytest.raises(BadInput):
        from_file(value)


def test_relative_paths_belong_to_the_folder_of_the_file(tmp_path: Path) -> None:
    config = placed(parse_spec("jsonl:log.jsonl"), tmp_path)
    assert config.target == str(tmp_path / "log.jsonl")
    assert placed(config, tmp_path, relative=True).target == str(tmp_path / "log.jsonl")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_spec("jsonl:" + text)
    except BadInput as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("specs", "same"),
    [
        (("jsonl:a", "csv:./a"), True),
        (("snapshots:a", "snapshots:a"), True),
        (("snapshots:a", "clips:a"), False),
        (("jsonl:a", "jsonl:b"), False),
        (("metrics:9100", "metrics:9101"), False),
    ],
)
def test_two_outputs_with_the_same_path_are_refused(specs: tuple[str, ...], same: bool) -> None:
    configs = [parse_spec(spec) for spec in specs]
    if same:
        with pytest.raises(BadInput, match="give each a path of its own"):
            require_distinct(configs)
    else:
        require_distinct(configs)
