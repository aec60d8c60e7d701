"""Totals of lines that survive a restart, who is in zones, and the table of counts by hour and day."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag

import pytest
from documents import valid
from edgevision.device.outputs.counts import Passed, load
from edgevision.device.outputs.counts_file import HEADER, CountsFile
from edgevision.device.outputs.item import Item
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.stream.events import Event
from edgevision.device.system.clock import Clock
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput, CannotWrite
from tests.helpers.output_parts import context, counts, crossing, event, in_zone

NOON = 1_769_860_800.0
"""31 January 2026, 12:00 UTC."""


class Hand:
    """A clock that advances when a test says so."""

    def __init__(self) -> None:
        self.now = NOON
        self.clock = Clock(monotonic=lambda: self.now, wall=lambda: self.now)


# --- totals


def test_totals_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "counts" / "cam.json"
    first = counts(path)
    for direction in ("forward", "forward", "backward"):
        first.event(crossing("door", direction))
    first.close()
    valid(json.loads(path.read_text()), "counts")
    second = counts(path)
    second.event(crossing("gate", "backward"))
    assert second.totals == {"door": Passed(2, 1), "gate": Passed(0, 1)}
    second.close()
    assert load(path) == {"door": Passed(2, 1), "gate": Passed(0, 1)}


def test_totals_of_a_line_that_is_not_configured_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "cam.json"
    path.write_text('{"schema":"edgevision.counts/1","lines":{"old":{"forward":7,"backward":0}}}')
    one = counts(path)
    one.event(crossing("door"))
    one.close()
    assert load(path) == {"old": Passed(7, 0), "door": Passed(1, 0)}
    assert "old" not in one.totals


def test_totals_are_written_at_a_bounded_rate(tmp_path: Path) -> None:
    path = tmp_path / "cam.json"
    waits: list[float] = []
    may_go = Flag()

    def wait(stopping: Flag, seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) > 1:
            stopping.wait(600)
            return True
        may_go.wait(600)
        return False

    one = counts(path, Clock(wait=wait))
    for _ in range(1000):
        one.event(crossing())
    assert not path.exists()
    may_go.set()
    one.close()
    assert load(path)["door"] == Passed(1000, 0)
    assert one.written == 1  # the second time, nothing had changed
    assert waits == [30.0, 30.0]


def test_totals_that_cannot_be_saved_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "counts").write_text("a file, not a folder")
    one = counts(tmp_path / "counts" / "cam.json")
    one.event(crossing())
    one.close()
    assert one.problem is not None
    assert one.failures == 1
    assert one.totals["door"] == Passed(1, 0)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema":"edgevision.counts/1","lines":{"door":{"forward":-1,"backward":0}}}']
)
def test_damaged_totals_are_kept_beside_and_reported(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cam.json"
    path.write_text(text)
    assert load(path) == {}
    assert (tmp_path / "cam.json.damaged").read_text() == text
    assert "counting starts at 0" in caplog.text


@given(st.binary() | st.text().map(str.encode))
def test_any_file_is_read_or_kept_aside(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(data)
    assert load(path) == {}


def test_zone_holds_who_entered_and_did_not_leave() -> None:
    one = counts()
    for made in (in_zone("zone_entered"), in_zone("zone_entered", track=2), in_zone("zone_left"), event("entered")):
        one.event(made)
    assert one.occupancy == {"yard": 1}


# --- the table


@pytest.fixture
def berlin() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    import time

    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def item(made: Event) -> Item:
    return Item("event", made.time, event=made)


def table(path: Path, hand: Hand, by: str = "hour") -> CountsFile:
    made = CountsFile(path, by, context(hand.clock, counts=counts()))  # type: ignore[arg-type]
    made.start()
    return made


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.usefixtures("berlin")
def test_table_has_a_row_for_each_hour_and_place(tmp_path: Path) -> None:
    path, hand = tmp_path / "sub" / "counts.csv", Hand()
    output = table(path, hand)
    for made in (crossing(), crossing(direction="backward"), crossing(), in_zone("zone_entered"), event("entered")):
        output.deliver(item(made))
    hand.now += 3600
    output.deliver(item(in_zone("zone_left", duration_s=62.25)))
    output.close()
    found = rows(path)
    places = (("line", "door"), ("line", "gate"), ("zone", "yard"))
    expected = [(f"2026-01-31T{hour}", kind, name) for hour in (13, 14) for kind, name in places]
    assert [(row["start"][:13], row["kind"], row["name"]) for row in found] == expected
    assert found[0]["start"].endswith("+01:00")
    assert (found[0]["forward"], found[0]["backward"], found[1]["forward"]) == ("2", "1", "0")
    assert (found[2]["entered"], found[2]["left"], found[5]["left"], found[5]["stay_s"]) == ("1", "0", "1", "62.2")


@pytest.mark.usefixtures("berlin")
def test_table_by_day_changes_at_local_midnight(tmp_path: Path) -> None:
    path, hand = tmp_path / "counts.csv", Hand()
    output = table(path, hand, "day")
    output.deliver(item(crossing()))
    hand.now += 11 * 3600  # 23:00 UTC
    output.deliver(item(crossing()))
    output.close()
    assert [(row["start"][:10], row["forward"]) for row in rows(path)[::3]] == [
        ("2026-01-31", "1"),
        ("2026-02-01", "1"),
    ]


def test_table_continues_the_hour_after_a_restart_and_after_a_power_loss(tmp_path: Path) -> None:
    path, hand = tmp_path / "counts.csv", Hand()
    first = table(path, hand)
    first.deliver(item(crossing()))
    first.close()
    path.write_text(path.read_text() + "2026-01-31T13:00:00")  # half a line
    second = table(path, hand)
    second.deliver(item(crossing()))
    second.close()
    assert [row["forward"] for row in rows(path)] == ["2", "0", "0"]
    assert path.read_text().endswith("\n")


def test_current_hour_is_written_at_most_once_a_minute(tmp_path: Path) -> None:
    path, hand = tmp_path / "counts.csv", Hand()
    output = table(path, hand)
    output.deliver(item(crossing()))
    hand.now += 59
    output.idle()
    assert rows(path)[0]["forward"] == "0"
    hand.now += 2
    output.idle()
    assert rows(path)[0]["forward"] == "1"
    output.close()


def test_counts_outlast_a_file_that_cannot_be_written_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, hand = tmp_path / "counts.csv", Hand()
    output = table(path, hand)
    output.deliver(item(crossing()))
    hand.now += 61
    with monkeypatch.context() as patch:
        patch.setattr("edgevision.device.outputs.counts_file.is_almost_full", lambda folder, size: True)
        with pytest.raises(CannotWrite, match="almost full"):
            output.deliver(item(crossing()))
        with pytest.raises(CannotWrite):
            output.start()
    output.start()
    output.deliver(item(crossing()))  # the worker delivers it again
    output.close()
    assert rows(path)[0]["forward"] == "2"


def test_other_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text("my notes\n")
    with pytest.raises(CannotWrite, match="not a table of counts"):
        table(path, Hand())
    assert path.read_text() == "my notes\n"


@given(st.binary(max_size=200))
def test_any_rest_of_a_table_is_continued(tmp_path_factory: pytest.TempPathFactory, rest: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(HEADER.encode() + rest)
    table(path, Hand()).close()
    assert path.read_bytes().startswith(HEADER.encode())
    assert path.read_bytes().endswith(b"\n")


def test_spec_says_the_period() -> None:
    assert parse_spec("counts:c.csv").settings.by == "hour"
    assert parse_spec("counts:c.csv,by=day").settings.by == "day"
    with pytest.raises(BadInput, match="expected one of hour, day"):
        parse_spec("counts:c.csv,by=week")
