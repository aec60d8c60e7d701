"""mqtt:// without a broker: addresses, passwords, slugs, commands, entities."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from edgevision.device.outputs.mqtt.broker import read_broker
from edgevision.device.outputs.mqtt.command_log import CommandLog
from edgevision.device.outputs.mqtt.commands import BadCommand, Command, parse_command
from edgevision.device.outputs.mqtt.discovery import discovery_payload, with_removals
from edgevision.device.outputs.mqtt.label_states import LabelStates
from edgevision.device.outputs.mqtt.password import read_password
from edgevision.device.outputs.mqtt.topics import MAX_SLUGS, Slugs, Topics
from edgevision.device.outputs.parse import from_file, parse_spec, placed, to_table
from edgevision.device.outputs.registry import find
from edgevision.device.service.output_access import access_of
from edgevision.device.system.clock import Clock
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput, MissingFile
from tests.helpers.output_parts import context, event, prediction

TOPICS = Topics("home/cam", "cam", "homeassistant")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("mqtt://broker", (False, "broker", 1883, None, "edgevision")),
        ("mqtts://pi@b.local/a/b", (True, "b.local", 8883, "pi", "a/b")),
        ("mqtt://a%40b@[::1]:1884/x/", (False, "::1", 1884, "a@b", "x")),
    ],
)
def test_address_is_read(spec: str, expected: tuple[object, ...]) -> None:
    broker = read_broker(parse_spec(spec))
    assert (broker.tls, broker.host, broker.port, broker.user, broker.prefix) == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mqtt:broker", "expected mqtt://"),
        ("mqtt://", "expected mqtt://"),
        ("mqtt://h:99999", "port from 1 to 65535"),
        ("mqtt://h:0", "expected mqtt://"),
        ("mqtt://h/a?b=c", "expected mqtt://"),
        ("mqtt://h/a/+", "is not a topic"),
        ("mqtt://h/a//b", "is not a topic"),
        ("mqtt://h/$SYS", "is not a topic"),
        ("mqtt://h/" + "a" * 300, "is not a topic"),
        ("mqtt://h,ca_file=x", "write mqtts://"),
        ("mqtts://h,key_file=x", "key_file needs cert_file"),
        ("mqtts://h,password_file=x", "needs a user"),
        ("mqtt://h,discovery_prefix=a/#", "is not a topic"),
        ("mqtt://h,qos=1", "no setting 'qos'"),
    ],
)
def test_wrong_address_is_refused_with_the_reason(spec: str, message: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_spec(spec)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "spec", ["mqtt://u:SECRET@h", "mqtt://u:SEC/RET@h/x", "mqtt://u:SECRET@h,area=x", "mqtts://:SECRET@h"]
)
def test_password_in_the_address_is_refused_and_not_shown(spec: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_spec(spec)
    assert "EDGEVISION_MQTT_PASSWORD" in str(error.value)
    assert "SEC" not in str(error.value)


def test_table_and_paths(tmp_path: Path) -> None:
    table = {
        "spec": "mqtts://pi@h/x",
        "password_file": "secret",
        "ca_file": "/ca.pem",
        "labels": ["a"],
        "area": "Garden",
    }
    config = from_file(table)
    assert to_table(config) == table
    assert placed(config, tmp_path).settings.password_file == tmp_path / "secret"
    assert find("mqtts").shown(config) == "mqtts://***@h/x"
    needs = find("mqtt").needs
    assert needs(config).network
    assert needs(parse_spec("mqtt://localhost")).loopback


def test_service_gets_the_network_and_the_password_file() -> None:
    made = access_of({"outputs": [parse_spec("mqtts://pi@h/x,password_file=/etc/edgevision/secret")]})
    assert made.network
    assert [str(path) for _, path in made.credentials] == ["/etc/edgevision/secret"]


def test_missing_password_file_is_a_problem_of_the_output_alone() -> None:
    config = parse_spec("mqtt://pi@h,password_file=/nowhere/secret")
    output = find("mqtt").open(config, context())  # a service whose credential is missing must start
    with pytest.raises(MissingFile, match="password file not found: /nowhere/secret"):
        output.start()


def test_password_comes_from_a_private_file_the_environment_or_systemd(tmp_path: Path) -> None:
    file = tmp_path / "mqtt_password"
    file.write_text("a b\nsecond line\n")
    file.chmod(0o640)
    assert read_password(file, {"EDGEVISION_MQTT_PASSWORD": "x"}) == "a b"
    assert read_password(None, {"EDGEVISION_MQTT_PASSWORD": "x", "CREDENTIALS_DIRECTORY": str(tmp_path)}) == "x"
    assert read_password(None, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "a b"
    assert read_password(None, {"CREDENTIALS_DIRECTORY": "/nowhere"}) is None
    file.chmod(0o644)
    with pytest.raises(BadInput, match="everybody can read"):
        read_password(file, {})
    file.chmod(0o600)
    for wrong in (b"", b"\npassword", b"\xff\n"):
        file.write_bytes(wrong)
        with pytest.raises(BadInput):
            read_password(file, {})
    with pytest.raises(MissingFile):
        read_password(tmp_path / "none", {})
    with pytest.raises(BadInput, match="not a regular file"):
        read_password(tmp_path, {})


@given(st.lists(st.text(max_size=30), unique=True, max_size=30))
def test_labels_have_different_and_harmless_slugs(labels: list[str]) -> None:
    slugs = Slugs(labels)
    made = [slugs.of(label) for label in labels]
    assert len(set(made)) == len(labels)
    assert all(one and one.isascii() and one.replace("_", "a").isalnum() for one in made)
    assert [Slugs(labels).of(label) for label in labels] == made


def test_labels_that_the_model_does_not_list_are_limited() -> None:
    slugs = Slugs(["cat"])
    found = [slugs.of(f"new {number}") for number in range(MAX_SLUGS + 10)]
    assert found.count(None) == 10
    assert slugs.of("cat") == "cat"


@given(st.text(max_size=20), st.binary(max_size=100), st.booleans())
def test_any_command_is_understood_or_refused(name: str, payload: bytes, retained: bool) -> None:
    for one in (name, "pause", "threshold", "snapshot"):
        try:
            found = parse_command(one, payload, retained)
        except BadCommand:
            continue
        assert not retained
        assert found.kind != "threshold" or 0 <= float(found.value or 0) <= 1


def test_commands() -> None:
    assert parse_command("pause", b"ON", False) == Command("pause", True)
    assert parse_command("threshold", b"0.25", False) == Command("threshold", 0.25)
    assert parse_command("snapshot", b"PRESS", False) == Command("snapshot")


def test_label_states_publish_only_what_changed() -> None:
    states = LabelStates(Slugs(["cat", "dog", "fox"]), ["cat", "dog"], frozenset())
    states.expire()
    everything = states.changes(scores=True)
    assert len(everything) == 4
    states.published(everything)
    states.frame(prediction(0.9, 0.1))
    states.event(event("entered", "fox", 0.8))
    assert states.changes(scores=False) == [("fox", "present", "ON")]
    states.published(states.changes(scores=True))
    states.frame(prediction(0.9, 0.1))
    assert states.changes(scores=True) == []
    states.frame(prediction())
    assert {slug: value for slug, _, value in states.changes(scores=True)} == {"cat": "0", "dog": "0"}


def test_filtered_labels_have_no_topics() -> None:
    states = LabelStates(Slugs(["cat", "dog"]), ["cat"], frozenset(["cat"]))
    states.event(event("entered", "dog", 0.8))
    states.frame(prediction(0.1, 0.9))
    assert {slug for slug, _, _ in states.changes(scores=True)} == {"cat"}


def test_entities_follow_what_is_delivered() -> None:
    everything = discovery_payload(TOPICS, "m", "", {"cat": "cat"}, frames=True, events=True)["components"]
    events = discovery_payload(TOPICS, "m", "", {"cat": "cat"}, frames=False, events=True)["components"]
    frames = discovery_payload(TOPICS, "m", "", {"cat": "cat"}, frames=True, events=False)["components"]
    assert set(everything) - set(events) == {"seen", "snapshot", "label_cat_score"}
    assert set(everything) - set(frames) == {"event", "label_cat_present"}
    assert len({one["unique_id"] for one in everything.values()}) == len(everything)


KEYS = {
    # what Home Assistant 2025.4 accepts in discovery payloads (components/mqtt: schemas.py and DISCOVERY_SCHEMA of each platform)
    "": "enabled_by_default entity_category icon json_attributes_topic name object_id platform unique_id",
    "device": "identifiers manufacturer model name sw_version suggested_area",
    "origin": "name sw_version support_url",
    "root": "availability_topic components device origin",
    "sensor": "device_class expire_after options state_class state_topic unit_of_measurement value_template",
    "binary_sensor": "device_class expire_after payload_off payload_on state_topic value_template",
    "switch": "command_topic payload_off payload_on state_topic value_template",
    "button": "command_topic device_class payload_press",
    "number": "command_topic max min mode state_topic step unit_of_measurement value_template",
    "image": "content_type image_encoding image_topic",
    "event": "device_class event_types state_topic value_template",
    "update": "command_topic device_class payload_install release_summary state_topic title value_template",
}


def test_payload_has_only_keys_that_home_assistant_knows() -> None:
    counted = {"lines": {"door": "Front door"}, "zones": {"yard": "yard"}}
    payload = discovery_payload(
        TOPICS, "m", "Garden", {"cat": "cat"}, frames=True, events=True, release=True, **counted
    )
    assert {"line_door_forward", "line_door_backward", "zone_yard"} <= set(payload["components"])
    assert set(payload) == set(KEYS["root"].split())
    assert set(payload["device"]) == set(KEYS["device"].split())
    assert set(payload["origin"]) <= set(KEYS["origin"].split())
    for one in payload["components"].values():
        assert set(one) <= {*KEYS[""].split(), *KEYS[one["platform"]].split()}
        assert one.get("entity_category") in (None, "diagnostic", "config")


@pytest.mark.parametrize(
    "former", [None, [], 3, {"components": 3}, {"components": {"x": 3, "y": {}, "z": {"platform": 1}}}]
)
def test_foreign_discovery_payload_is_ignored(former: object) -> None:
    payload = discovery_payload(TOPICS, "m", "", {}, frames=True, events=True)
    assert with_removals(payload, former) is None
    assert json.dumps(payload)


def test_flood_of_commands_is_one_line_a_second(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    noted = CommandLog(Clock(monotonic=lambda: now[0]))
    with caplog.at_level("INFO", "edgevision.outputs"):
        for number in range(40):
            noted.note(f"threshold {number}")
            now[0] += 0.125
        noted.note("pause True")
    assert [record.getMessage() for record in caplog.records] == [
        "mqtt: threshold 0",
        *(f"mqtt: threshold {8 * second} (7 more since the line before)" for second in range(1, 5)),
        "mqtt: pause True (7 more since the line before)",
    ]
