"""Tests of following an update: what is reported when the device goes away, restarts, or says nothing."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from edgevision.device.deploy.device_info import Installed
from edgevision.device.deploy.watch import watch

from edgevision.errors import EdgeVisionError, RemoteUnreachable

OLD, NEW = "one-000000000000", "two-000000000000"
BEFORE = Installed(current=OLD, since="2026-11-30T10:00:00Z", rate_fps=10.0)
RUNS = Installed(current=NEW, state="provisional", since="2026-11-30T11:00:00Z", updating=True)
LEFT = Installed(current=NEW, state="provisional", since="2026-11-30T11:00:00Z")
BACK = Installed(current=OLD, state="reverted", since="2026-11-30T11:01:00Z", bad=((NEW, "the device restarted"),))
KEPT = Installed(current=NEW, since="2026-11-30T11:00:00Z", rate_fps=9.0)


class Computer:
    """Looks at a device once a second; the last look stays, and None is a device that does not answer."""

    def __init__(self, looks: Iterable[Installed | None]) -> None:
        self.looks, self.now, self.steps = list(looks), 0.0, list[str]()

    def look(self) -> Installed:
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if found is None:
            raise RemoteUnreachable("cannot reach the device")
        return found

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def watch(self) -> dict[str, object]:
        found = watch(
            "pi@door.local",
            self.look,
            lambda name, _: self.steps.append(name),
            BEFORE,
            NEW,
            lambda: self.now,
            self.sleep,
        )
        return dict(found)


def test_power_cut_during_the_trial_is_reported_as_taken_back() -> None:
    """The device answers again before its service has started, so its state is still that of the trial."""
    found = Computer([RUNS, *[None] * 30, *[LEFT] * 12, BACK]).watch()
    assert (found["state"], found["reason"]) == ("reverted", "the device restarted")
    assert found["release"] == {"from": OLD, "to": NEW}


def test_power_cut_after_the_decision_is_reported_as_confirmed() -> None:
    found = Computer([RUNS, *[None] * 30, KEPT]).watch()
    assert (found["state"], found["rate_fps"]) == ("confirmed", {"before": 10.0, "after": 9.0})


def test_outcome_that_is_written_late_is_waited_for() -> None:
    outcome = {"state": "reverted", "log": ["the last words"]}
    found = Computer([RUNS, BACK, Installed(current=OLD, state="reverted", outcome=outcome)]).watch()
    assert found == outcome


@pytest.mark.parametrize(
    "last",
    [BEFORE, LEFT, Installed(current=OLD, since=BEFORE.since, state="reverted", bad=((NEW, "an earlier failure"),))],
    ids=["before the switch", "on trial for ever", "bad from an earlier deployment"],
)
def test_update_that_ends_undecided_is_an_error(last: Installed) -> None:
    computer = Computer([RUNS, *[None] * 30, last])
    with pytest.raises(EdgeVisionError, match="ended without an outcome"):
        computer.watch()
    assert computer.now < 120


def test_device_that_stays_away_is_reported_after_a_minute() -> None:
    computer = Computer([RUNS, None])
    with pytest.raises(RemoteUnreachable, match="the device goes on alone"):
        computer.watch()
    assert 60 < computer.now < 70
