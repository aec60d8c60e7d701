"""A camera in a real Home Assistant, through a real Mosquitto: what the guide promises."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from edgevision.device.outputs.mqtt.removal import remove_camera
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.outputs.registry import find
from edgevision.device.outputs.shared_frame import FrameCache
from edgevision.device.outputs.worker import OutputWorker
from edgevision.device.telemetry.release_status import ReleaseStatus
from edgevision.device.telemetry.run_stats import RunStats
from home_assistant import HomeAssistant, running_home_assistant
from locations import ROOT
from mosquitto import Mosquitto, running

import edgevision
from tests.helpers.output_parts import CARD, context, context_of, event, frame, prediction

ORANGE = (ROOT / "calibration_images" / "rendered" / "table-01.jpg").read_bytes()
"""The bundled default model sees an orange here (0.82)."""
GRAY = cv2.imencode(".jpg", np.full((240, 320, 3), 128, np.uint8))[1].tobytes()
"""And something else here."""
HEADER = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
ORANGE_ON = ("binary_sensor.garden_orange", "on")


class Scene:
    """A network camera whose image tests change."""

    def __init__(self) -> None:
        self.jpeg = GRAY
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                link, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        with link, suppress(OSError):
            link.recv(4096)
            link.sendall(HEADER)
            while True:
                data = self.jpeg
                part = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
                link.sendall(part + data + b"\r\n")
                time.sleep(0.1)

    def close(self) -> None:
        """Stop listening."""
        self._listening.close()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with running(tmp_path_factory.mktemp("broker")) as made:
        yield made


@pytest.fixture(scope="module")
def home(broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeAssistant]:
    with running_home_assistant(tmp_path_factory.mktemp("home") / "config", broker.port) as made:
        yield made


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.close()


@contextmanager
def loop(scene: Scene, broker: Mosquitto, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process that runs the loop; it is killed at the end if it still runs."""
    with (folder / "loop.log").open("ab") as log:
        command = [
            sys.executable,
            "-m",
            "edgevision",
            "run",
            "--source",
            scene.url,
            "--camera-name",
            "garden",
            "--quiet",
        ]
        process = subprocess.Popen(
            [*command, "--to", f"mqtt://127.0.0.1:{broker.port}/home,area=Garden"], stdout=log, stderr=log, cwd=folder
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def test_camera_appears_follows_the_scene_obeys_and_disappears(
    home: HomeAssistant, broker: Mosquitto, scene: Scene, tmp_path: Path
) -> None:
    with loop(scene, broker, tmp_path) as process:
        _appears(home)
        _follows_the_scene(home, scene)
        _obeys(home)
        process.kill()
        home.wait(lambda: _unavailable(home) == _entities(home))
    with loop(scene, broker, tmp_path) as process:
        home.wait(lambda: home.state("binary_sensor.garden_camera") == "on")
        home.wait(lambda: home.state(ORANGE_ON[0]) == "on")
        broker.kill()
        home.wait(lambda: _unavailable(home) == _entities(home))
        broker.start()
        home.wait(lambda: home.state(ORANGE_ON[0]) == "on", 120)
        process.terminate()
        process.wait(60)
        home.wait(lambda: _unavailable(home) == _entities(home))
    command = [sys.executable, "-m", "edgevision", "mqtt", "remove", f"mqtt://127.0.0.1:{broker.port}/home"]
    subprocess.run([*command, "--name", "garden"], check=True, capture_output=True, timeout=60)
    home.wait(lambda: not _entities(home))
    assert home.complaints() == []


def test_hostile_labels_are_harmless(home: HomeAssistant, broker: Mosquitto) -> None:
    names = ("<script>alert(1)</script>", "{{ 7 * 7 }}", "a/#/+\x1b[31m", "x" * 10_000, "")
    run = context(card=CARD.with_(labels=names))
    config = parse_spec(f"mqtt://127.0.0.1:{broker.port}/home")
    output = OutputWorker(find("mqtt").open(config, run), config, run, FrameCache(lambda: 0))
    try:
        for number, name in enumerate(names):
            output.write(frame(number), prediction(0.9, names=(name,)))
            output.event(event("entered", name, index=number))
        home.wait(
            lambda: sum(home.state(one) == "on" for one in home.states() if one.startswith("binary_sensor.cam_")) >= 6
        )
        shown = [state["attributes"]["friendly_name"] for one, state in home.states().items() if ".cam_" in one]
        assert "cam {{ 7 * 7 }}" in shown
        assert all(len(name) < 120 and name.isprintable() for name in shown)
    finally:
        output.close()
    remove_camera(config, "cam")
    home.wait(lambda: not [one for one in home.states() if ".cam_" in one])
    assert home.complaints() == []


def test_release_is_an_update_entity_that_only_tells(home: HomeAssistant, broker: Mosquitto) -> None:
    new, old, stats = "door-0123456789ab", "door-ba9876543210", RunStats()
    seen = [ReleaseStatus(new, "provisional", "2026-01-31T12:00:00Z", old, None, "")]
    stats.release = lambda: seen[-1]
    run = context_of(stats)
    config = parse_spec(f"mqtt://127.0.0.1:{broker.port}/home")
    output = OutputWorker(find("mqtt").open(config, run), config, run, FrameCache(lambda: 0))
    entity = "update.cam_release"
    try:
        output.write(frame(), prediction(0.9))
        home.wait(lambda: home.state(entity) == "on", 60)
        shown = home.states()[entity]["attributes"]
        assert (shown["installed_version"], shown["latest_version"], shown["in_progress"]) == (old, new, True)
        assert shown["supported_features"] & 1 == 0, "no install button"
        seen.append(replace(seen[0], state="confirmed"))
        home.wait(lambda: home.state(entity) == "off")
        shown = home.states()[entity]["attributes"]
        assert (shown["installed_version"], shown["in_progress"]) == (new, False)
        assert shown["release_summary"] == "confirmed since 2026-01-31T12:00:00Z"
        seen.append(ReleaseStatus(old, "reverted", "2026-01-31T12:01:00Z", None, new, "too slow"))
        home.wait(lambda: home.states()[entity]["attributes"]["installed_version"] == old)
        assert f"{new} was taken back: too slow" in home.states()[entity]["attributes"]["release_summary"]
    finally:
        output.close()
    remove_camera(config, "cam")
    home.wait(lambda: entity not in home.states())
    assert home.complaints() == []


def _entities(home: HomeAssistant) -> set[str]:
    return {entity for entity in home.states() if ".garden_" in entity}


def _unavailable(home: HomeAssistant) -> set[str]:
    return {
        entity for entity, state in home.states().items() if ".garden_" in entity and state["state"] == "unavailable"
    }


def _appears(home: HomeAssistant) -> None:
    """All entities of the guide exist, in one device."""
    home.wait(lambda: home.state("binary_sensor.garden_camera") == "on", 120)
    diagnostics = ["sensor.garden_rate", "sensor.garden_processor_temperature", "sensor.garden_dropped_frames"]
    more = [
        "binary_sensor.garden_throttled",
        "switch.garden_pause",
        "button.garden_snapshot",
        "number.garden_threshold",
    ]
    seen = ["sensor.garden_seen", "event.garden_event", "image.garden_last_image", "sensor.garden_orange_score"]
    home.wait(lambda: _entities(home) >= {*diagnostics, *more, *seen, ORANGE_ON[0]})
    device = "device_id('sensor.garden_seen')"
    facts = home.template(
        f"{{{{ [device_attr({device}, 'sw_version'), device_attr({device}, 'name'), area_name({device})] | to_json }}}}"
    )
    assert facts == f'["{edgevision.__version__}","garden","Garden"]'


def _follows_the_scene(home: HomeAssistant, scene: Scene) -> None:
    home.wait(lambda: home.state("sensor.garden_seen") == "something else")
    assert home.state(ORANGE_ON[0]) == "off"
    scene.jpeg = ORANGE
    home.wait(lambda: home.state(ORANGE_ON[0]) == "on")
    home.wait(lambda: home.state("sensor.garden_seen") == "orange")
    home.wait(lambda: float(home.state("sensor.garden_orange_score") or 0) > 50)
    event = home.states()["event.garden_event"]["attributes"]
    assert (event["event_type"], event["label"]) == ("changed", "orange")
    assert home.fetch("/api/image_proxy/image.garden_last_image")[:2] == b"\xff\xd8"


def _obeys(home: HomeAssistant) -> None:
    home.service("switch.turn_on", "switch.garden_pause")
    home.wait(lambda: home.state("switch.garden_pause") == "on" and home.state(ORANGE_ON[0]) == "off")
    home.service("switch.turn_off", "switch.garden_pause")
    home.wait(lambda: home.state("switch.garden_pause") == "off" and home.state(ORANGE_ON[0]) == "on")
    home.service("number.set_value", "number.garden_threshold", value=0.99)
    home.wait(lambda: home.state("number.garden_threshold") == "0.99" and home.state(ORANGE_ON[0]) == "off")
    home.service("number.set_value", "number.garden_threshold", value=0.5)
    home.wait(lambda: home.state(ORANGE_ON[0]) == "on")
    before = home.state("image.garden_last_image")
    time.sleep(1.5)
    home.service("button.press", "button.garden_snapshot")
    home.wait(lambda: home.state("image.garden_last_image") != before)
