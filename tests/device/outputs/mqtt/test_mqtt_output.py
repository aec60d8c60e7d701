"""mqtt:// and mqtts:// with a real Mosquitto: topics, outages, TLS, commands, removal."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event as Flag

import numpy as np
import pytest
from certificates import authority, certificate
from documents import parse
from edgevision.device.outputs.backoff import Backoff
from edgevision.device.outputs.mqtt.removal import remove_camera
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.outputs.protocol import Context
from edgevision.device.outputs.registry import find
from edgevision.device.outputs.shared_frame import FrameCache
from edgevision.device.outputs.worker import OutputWorker
from edgevision.device.stream.events import Event
from edgevision.device.telemetry.release_status import ReleaseStatus
from edgevision.device.telemetry.run_stats import RunStats
from mosquitto import Listener, Mosquitto, listening, program, retained, running

from edgevision.errors import CannotWrite, UsageError
from edgevision.preprocessing.decode import decode
from tests.helpers.output_parts import CARD, context, context_of, counts, crossing, event, frame, in_zone, prediction

BASE = "home/cam"
CLOSE_S = 120.0
"""Time for the goodbye: a busy machine may need more than a run has."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running(tmp_path) as made:
        yield made


@pytest.fixture
def heard(broker: Mosquitto) -> Iterator[Listener]:
    with listening(broker.port) as made:
        yield made


@contextmanager
def sink(
    spec: str, run: Context | None = None, again: Flag | None = None, close_s: float = CLOSE_S
) -> Iterator[OutputWorker]:
    """Yield a running output, which tries again quickly, but not before ``again`` is set."""
    config, run = parse_spec(spec), run or context()
    output = find(config.kind).open(config, run)

    def jitter() -> float:
        if again is not None:
            again.wait(600)
        return 0.5

    made = OutputWorker(output, config, run, FrameCache(lambda: 0), Backoff(0.02, 0.1, jitter), close_s)
    try:
        yield made
    finally:
        made.close()


def spec(broker: Mosquitto, more: str = "") -> str:
    return f"mqtt://127.0.0.1:{broker.port}/home{more}"


def test_birth_state_labels_image_and_goodbye(broker: Mosquitto, heard: Listener) -> None:
    with sink(spec(broker)) as output:
        output.write(frame(7), prediction(0.9, 0.1))
        output.event(event(index=7))
        for topic in ("image", "state", "event", "status", "label/dog/present"):
            heard.wait(lambda topic=topic: heard.last(f"{BASE}/{topic}"))  # type: ignore[misc]
        heard.wait(lambda: heard.last(f"{BASE}/label/cat/score") == b"0.9")
        assert heard.last(f"{BASE}/availability") == b"online"
        assert json.loads(heard.last(f"{BASE}/state") or b"")["labels"][0]["name"] == "cat"
        assert json.loads(heard.last(f"{BASE}/event") or b"")["event"] == "entered"
        heard.wait(lambda: heard.last(f"{BASE}/label/cat/present") == b"ON")
        assert heard.last(f"{BASE}/label/dog/present") == b"OFF"
        assert (heard.last(f"{BASE}/image") or b"")[:2] == b"\xff\xd8"
        assert parse(heard.last(f"{BASE}/status").decode(), "mqtt_status")["model"] == "tests"  # type: ignore[union-attr]
        output.event(event("left", "cat", 0.0, index=8))
        heard.wait(lambda: heard.last(f"{BASE}/label/cat/present") == b"OFF")
    heard.wait(lambda: heard.last(f"{BASE}/availability") == b"offline")
    kept = retained(broker.port)
    assert f"{BASE}/event" not in kept
    assert {f"{BASE}/state", f"{BASE}/image", f"{BASE}/status", f"{BASE}/availability"} <= set(kept)


def test_release_is_published_when_it_changes_and_home_assistant_cannot_change_it(
    broker: Mosquitto, heard: Listener
) -> None:
    seen = [ReleaseStatus("new-0123456789ab", "provisional", "2026-01-31T12:00:00Z", "old-0123456789ab", None, "")]
    stats = RunStats()
    stats.release = lambda: seen[-1]
    with sink(spec(broker), context_of(stats)) as output:
        output.write(frame(), prediction(0.9))
        heard.wait(lambda: heard.last(f"{BASE}/status"))
        found = parse((heard.last(f"{BASE}/status") or b"").decode(), "mqtt_status")
        assert found["release"] == asdict(seen[0])
        seen.append(replace(seen[0], state="confirmed"))
        heard.wait(lambda: b'"state":"confirmed"' in (heard.last(f"{BASE}/status") or b""))
        components = json.loads(retained(broker.port)["homeassistant/device/edgevision_cam/config"])["components"]
    assert components["release"]["platform"] == "update"
    assert "command_topic" not in components["release"]


def test_counts_of_lines_and_zones_are_retained(broker: Mosquitto, heard: Listener, tmp_path: Path) -> None:
    path = tmp_path / "cam.json"
    path.write_text('{"schema":"edgevision.counts/1","lines":{"Front door":{"forward":41,"backward":3}}}')
    counted = counts(path, line="Front door")
    with sink(spec(broker), context(counts=counted)) as output:
        heard.wait(lambda: heard.last(f"{BASE}/count/front_door/forward") == b"41")
        heard.wait(lambda: heard.last(f"{BASE}/count/front_door/backward") == b"3")
        for made in (crossing("Front door"), in_zone("zone_entered")):
            counted.event(made)
            output.event(made)
        heard.wait(lambda: heard.last(f"{BASE}/count/front_door/forward") == b"42")
        heard.wait(lambda: heard.last(f"{BASE}/zone/yard/count") == b"1")
        counted.event(in_zone("zone_left"))
    counted.close()
    kept = retained(broker.port)
    assert (kept[f"{BASE}/count/front_door/forward"], kept[f"{BASE}/zone/yard/count"]) == (b"42", b"0")
    components = json.loads(kept["homeassistant/device/edgevision_cam/config"])["components"]
    assert components["line_front_door_forward"]["state_class"] == "total_increasing"
    assert components["line_front_door_forward"]["state_topic"] == f"{BASE}/count/front_door/forward"
    assert components["zone_yard"]["state_topic"] == f"{BASE}/zone/yard/count"


def test_image_of_a_track_is_its_object_and_the_frame_has_a_topic_of_its_own(
    broker: Mosquitto, heard: Listener, tmp_path: Path
) -> None:
    counted = counts(tmp_path / "cam.json", line="door")
    with sink(spec(broker), context(counts=counted)) as output:
        output.write(frame(7), prediction(0.9, 0.1))
        crop = replace(frame(), pixels=np.full((40, 20, 3), 90, np.uint8))
        output.event(replace(crossing("door"), index=7, crop=crop))
        heard.wait(lambda: heard.last(f"{BASE}/frame"))
        assert decode(heard.last(f"{BASE}/image") or b"", "image").pixels.shape == (40, 20, 3)
        height, width, _ = decode(heard.last(f"{BASE}/frame") or b"", "frame").pixels.shape
        assert width / height == frame().width / frame().height
        components = json.loads(retained(broker.port)["homeassistant/device/edgevision_cam/config"])["components"]
        assert components["frame"]["image_topic"] == f"{BASE}/frame"
    counted.close()


def test_state_is_published_at_most_once_a_second(broker: Mosquitto, heard: Listener) -> None:
    with sink(spec(broker, ",only=frames")) as output:
        begun = time.monotonic()
        for number in range(60):
            output.write(frame(number), prediction(0.9, 0.1))
            time.sleep(0.02)
        heard.wait(lambda: (heard.last(f"{BASE}/state") or b"").find(b'"index":59') > 0)
        assert len(heard.of(f"{BASE}/state")) <= 2 + (time.monotonic() - begun)


def test_killed_loop_is_reported_offline_by_the_last_will(broker: Mosquitto, heard: Listener) -> None:
    with sink(spec(broker)) as output:
        heard.wait(lambda: heard.last(f"{BASE}/availability") == b"online")
        session = output._output._session  # type: ignore[attr-defined]
        session._client.socket().close()  # what the kernel does to a killed process
        heard.wait(lambda: heard.saw(f"{BASE}/availability", b"online", b"offline", b"online"))


def test_10000_events_through_an_outage_are_delivered_in_order_or_counted(broker: Mosquitto, heard: Listener) -> None:
    again = Flag()
    with sink(spec(broker, ",only=events"), again=again) as output:
        for number in range(50):
            output.event(event(index=number))
        heard.wait(lambda: output.written >= 50 and len(heard.of(f"{BASE}/event")) == 50)
        broker.kill()
        for number in range(50, 10_000):
            output.event(event(index=number))
        heard.wait(lambda: output.problem)
        assert output.waiting <= 1000
        broker.start()
        heard.wait(lambda: heard.subscriptions >= 2)  # so that it misses nothing
        again.set()
        heard.wait(lambda: output.waiting == 0 and output.written + output.dropped == 10_000)
        heard.wait(lambda: json.loads(heard.last(f"{BASE}/event") or b"{}").get("index") == 9_999)
        after = [json.loads(text)["index"] for text in heard.of(f"{BASE}/event")]
        assert output.problem is None
        assert after[:50] == list(range(50))
        assert sorted(set(after)) == sorted(after) == after
        assert list(range(9_000, 10_000)) == [number for number in after if number >= 9_000]
        assert 8_900 <= output.dropped <= 8_950


def test_broker_killed_and_restarted_has_everything_again(broker: Mosquitto, heard: Listener) -> None:
    with sink(spec(broker)) as output:
        output.write(frame(1), prediction(0.9, 0.1))
        output.event(event(index=1))
        for topic in ("image", "state", "label/cat/score"):
            heard.wait(lambda topic=topic: heard.last(f"{BASE}/{topic}"))  # type: ignore[misc]
        before = retained(broker.port)
        broker.kill()
        broker.start()
        heard.wait(lambda: heard.of(f"{BASE}/availability").count(b"online") >= 2)
        output.event(event("entered", "dog", 0.8, index=2))
        heard.wait(lambda: heard.last(f"{BASE}/label/dog/present") == b"ON")
        kept = set(before) - {f"{BASE}/image"}
        _wait(lambda: set(retained(broker.port)) >= kept)  # the state comes once a second
        assert retained(broker.port)[f"{BASE}/label/cat/present"] == b"ON"


def passwords(folder: Path) -> list[str]:
    import subprocess

    subprocess.run([program("mosquitto_passwd"), "-b", "-c", str(folder / "users"), "pi", "right"], check=True)
    (folder / "users").chmod(0o644)
    return ["allow_anonymous false", f"password_file {folder / 'users'}"]


def test_wrong_password_is_one_line_without_the_password(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("wrong-password\n")
    secret.chmod(0o600)
    with running(tmp_path, passwords(tmp_path)) as broker:
        address = f"mqtt://pi@127.0.0.1:{broker.port}/home,password_file={secret}"
        with sink(address) as output:
            output.event(event())
            _wait(lambda: "check the user and the password" in str(output.problem))
            assert "wrong-password" not in str(output.problem)
            with pytest.raises(CannotWrite, match="check the user and the password"):
                _probe(address)
            secret.write_text("right\n")  # corrected while it runs
            _wait(lambda: output.written == 1 and output.problem is None)
            assert "pi@" not in output.spec
        assert _probe(address) == f"127.0.0.1:{broker.port} accepts the connection of pi"


def _probe(spec: str) -> str:
    """Return what ``edgevision doctor`` finds."""
    config = parse_spec(spec)
    probe = find(config.kind).probe
    assert probe is not None
    return probe(config)


def test_password_from_environment_and_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path, passwords(tmp_path)) as broker:
        address = f"mqtt://pi@127.0.0.1:{broker.port}/home"
        monkeypatch.setenv("EDGEVISION_MQTT_PASSWORD", "right")
        with sink(address) as output:
            output.event(event())
            _wait(lambda: output.written == 1)
        monkeypatch.delenv("EDGEVISION_MQTT_PASSWORD")
        (tmp_path / "mqtt_password").write_text("right")
        (tmp_path / "mqtt_password").chmod(0o400)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        with sink(address) as output:
            output.event(event())
            _wait(lambda: output.written == 1)


def test_tls_accepts_only_a_broker_of_the_given_authority(tmp_path: Path) -> None:
    ours, other = authority(tmp_path, "ours"), authority(tmp_path, "other")
    server, client = certificate(tmp_path, "server", ours), certificate(tmp_path, "client", ours)
    lines = [f"cafile {ours}", f"certfile {server}", f"keyfile {server.with_suffix('.key')}"]
    with running(tmp_path, ["allow_anonymous true", *lines, "require_certificate true"]) as broker:
        address = f"mqtts://127.0.0.1:{broker.port}/home"
        mine = f",cert_file={client},key_file={client.with_suffix('.key')}"
        with sink(f"{address},ca_file={ours}{mine}") as output:
            output.event(event())
            _wait(lambda: output.written == 1)
        for wrong, problem in (
            (f",ca_file={other}{mine}", "give its certificate authority as ca_file"),
            (mine, "is not accepted"),
            (f",ca_file={ours}", " "),
        ):
            with sink(address + wrong, close_s=0) as output:
                output.event(event())
                _wait(lambda output=output, problem=problem: problem in (output.problem or "-"))  # type: ignore[misc]
                assert output.written == 0
        with sink(f"{address},insecure{mine}") as output:
            output.event(event())
            _wait(lambda: output.written == 1)


def _wait(done: object, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not done():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_filtered_label_that_left_has_no_score(broker: Mosquitto, heard: Listener) -> None:
    with sink(spec(broker, ",labels=cat")) as output:
        output.write(frame(1), prediction(0.9, 0.1))
        output.event(event(index=1))
        heard.wait(lambda: heard.last(f"{BASE}/label/cat/score") == b"0.9")
        output.write(frame(2), prediction(0.9, names=("dog",)))
        output.event(event("left", "cat", 0.0, index=2))
        heard.wait(lambda: heard.last(f"{BASE}/label/cat/score") == b"0")
        announced = json.loads(heard.last("homeassistant/device/edgevision_cam/config") or b"")["components"]
        assert "seen" not in announced
        assert not heard.of(f"{BASE}/label/dog/present")


def test_commands_change_the_loop_and_wrong_ones_are_ignored(broker: Mosquitto, heard: Listener) -> None:
    run = context()
    with sink(spec(broker), run) as output:
        heard.wait(lambda: heard.last(f"{BASE}/status"))
        heard.send(f"{BASE}/set/pause", "ON")
        heard.send(f"{BASE}/set/threshold", "0.75")
        heard.wait(lambda: json.loads(heard.last(f"{BASE}/status") or b"")["threshold"] == 0.75)
        assert json.loads(heard.last(f"{BASE}/status") or b"")["paused"] is True
        for name, payload in WRONG:
            heard.send(f"{BASE}/set/{name}", payload)
        heard.send(f"{BASE}/set/pause", "OFF", retain=True)
        heard.send(f"{BASE}/set/snapshot", "PRESS")
        heard.send(f"{BASE}/set/threshold", "1")
        heard.wait(lambda: run.control.threshold == 1)
        output.write(frame(3), prediction(0.9))
        heard.wait(lambda: heard.last(f"{BASE}/image"))
        assert output.failures == 0
        assert run.control.paused is False  # a command that is retained only at the broker arrives as a live one
    again = context()
    again.control.paused = True
    with sink(spec(broker), again):
        heard.wait(lambda: heard.of(f"{BASE}/availability").count(b"online") >= 2)
        heard.send(f"{BASE}/set/threshold", "0.5")
        heard.wait(lambda: again.control.threshold == 0.5)
        assert again.control.paused is True


WRONG = [
    ("threshold", "nan"),
    ("threshold", "1e-3"),
    ("threshold", "2"),
    ("threshold", "-0.5"),
    ("threshold", "0." + "1" * 5000),
    ("threshold", b"\xff\x00"),
    ("pause", "on"),
    ("pause", "ON\n"),
    ("snapshot", "a" * 100_000),
    ("reboot", "now"),
]


def test_discovery_is_announced_and_again_when_home_assistant_starts(broker: Mosquitto, heard: Listener) -> None:
    topic = "homeassistant/device/edgevision_cam/config"
    with sink(spec(broker, ",area=Garden")):
        heard.wait(lambda: heard.last(topic))
        payload = json.loads(heard.last(topic) or b"")
        assert payload["device"]["suggested_area"] == "Garden"
        assert {"label_cat_present", "label_dog_score", "pause", "threshold", "event", "image"} <= set(
            payload["components"]
        )
        heard.send("homeassistant/status", "online")
        heard.wait(lambda: len(heard.of(topic)) == 2)


def test_entities_of_a_former_model_are_removed(broker: Mosquitto, heard: Listener) -> None:
    topic = "homeassistant/device/edgevision_cam/config"
    with sink(spec(broker)):
        heard.wait(lambda: heard.last(topic))
    with sink(spec(broker), context(card=CARD.with_(labels=("cat", "fox")))):
        heard.wait(lambda: len(heard.of(topic)) == 3)
        _, removal, last = [json.loads(text)["components"] for text in heard.of(topic)]
        assert removal["label_dog_present"] == {"platform": "binary_sensor"}
        assert "label_dog_present" not in last
        assert "label_fox_present" in last


def test_stale_presence_of_a_crashed_run_is_corrected(broker: Mosquitto, heard: Listener) -> None:
    heard.send(f"{BASE}/label/unicorn/present", "ON", retain=True)
    with sink(spec(broker)):
        heard.wait(lambda: heard.last(f"{BASE}/label/unicorn/present") == b"OFF")


def test_foreign_offline_message_is_corrected(broker: Mosquitto, heard: Listener) -> None:
    with sink(spec(broker)):
        heard.wait(lambda: heard.last(f"{BASE}/availability") == b"online")
        heard.send(f"{BASE}/availability", "offline", retain=True)
        heard.wait(lambda: heard.saw(f"{BASE}/availability", b"online", b"offline", b"online"))


def test_lost_camera_is_in_the_status(broker: Mosquitto, heard: Listener) -> None:
    with sink(spec(broker)) as output:
        output.event(Event("camera_lost", "2026-01-31T12:00:00.000Z", 1, "unplugged"))
        heard.wait(lambda: json.loads(heard.last(f"{BASE}/status") or b"{}").get("camera_connected") is False)
        output.write(frame(2), prediction(0.9))
        heard.wait(lambda: json.loads(heard.last(f"{BASE}/status") or b"{}").get("camera_connected") is True)


def test_hostile_labels_stay_in_their_topics(broker: Mosquitto, heard: Listener) -> None:
    names = ("a/../#/+", "<script>\x1b[31m\n", "x" * 10_000, "", "ä ö", "A O", "\U0001f408", "{{ 7*7 }}", "$SYS/x")
    card = CARD.with_(labels=names)
    with sink(spec(broker), context(card=card)) as output:
        output.write(frame(1), prediction(*[0.5] * len(names), names=names))
        for number, name in enumerate(names):
            output.event(event("entered", name, 0.5, index=number))
        heard.wait(lambda: len([t for t, p in heard.messages if t.endswith("/present") and p == b"ON"]) == len(names))
        assert output.failures == 0
        topics = {topic for topic, _ in heard.messages}
        for topic in topics:
            assert topic.isascii() and topic.isprintable() and len(topic) < 150
            assert topic.startswith((BASE + "/", "homeassistant/device/"))
            assert topic.count("/") <= 4
        announced = json.loads(heard.last("homeassistant/device/edgevision_cam/config") or b"")["components"]
        assert all(len(one["name"]) <= 100 and one["name"].isprintable() for one in announced.values())
        assert "{{ 7*7 }}" not in json.dumps([one.get("value_template") for one in announced.values()])


def test_command_line_removes_a_camera(broker: Mosquitto, heard: Listener) -> None:
    from click.testing import CliRunner

    from edgevision.cli.main import cli

    with sink(spec(broker)):
        heard.wait(lambda: heard.last(f"{BASE}/status"))
    arguments = ["mqtt", "remove", spec(broker), "--name", "cam"]
    assert CliRunner().invoke(cli, arguments).output.startswith(f"removed home/cam from 127.0.0.1:{broker.port}: ")
    assert CliRunner().invoke(cli, arguments).output.startswith("nothing to remove: ")
    assert retained(broker.port) == {}


def test_removal_clears_everything_but_not_of_a_running_camera(broker: Mosquitto, heard: Listener) -> None:
    config = parse_spec(spec(broker))
    heard.send("home/other/state", "{}", retain=True)
    with sink(spec(broker)) as output:
        output.write(frame(1), prediction(0.9, 0.1))
        heard.wait(lambda: heard.last(f"{BASE}/state"))
        with pytest.raises(UsageError, match="cam is online"):
            remove_camera(config, "cam")
    assert len(remove_camera(config, "cam").topics) >= 6
    assert set(retained(broker.port)) == {"home/other/state"}
    assert remove_camera(config, "cam").topics == ()
