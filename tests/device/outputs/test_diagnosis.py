"""What ``edgevision doctor --config`` says about outputs."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from edgevision.device.cli.doctor import doctor
from edgevision.device.doctor.result import Check
from edgevision.device.outputs import diagnosis
from edgevision.device.outputs.parse import parse_spec
from ports import free_port


def check(spec: str, timeout_s: float = 120.0) -> Check:
    (found,) = diagnosis.section([parse_spec(spec)], timeout_s).checks
    assert "\n" not in found.found
    return found


def test_writable_path_reports_its_free_space(tmp_path: Path) -> None:
    found = check(f"jsonl:{tmp_path}/new/log.jsonl")
    assert found.ok
    assert found.found.startswith(f"{tmp_path} can be written, ")
    assert found.found.endswith(" GB free")


def test_path_below_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = check(f"jsonl:{tmp_path}/file/log.jsonl")
    assert found.broken
    assert found.found == f"{tmp_path}/file cannot be written; choose another path, or change its owner or mode"


def test_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "LITTLE_SPACE", 2**62)
    found = check(f"csv:{tmp_path}/a.csv")
    assert found.broken
    assert f"free at {tmp_path}; make space" in found.found


def test_port_in_use_and_free_port() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert (
            check(f"metrics:{port}").found
            == f"port {port} of 127.0.0.1 is used by another program; choose another port"
        )
    assert check(f"metrics:{port}").ok


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgevision.device.outputs.registry.find_spec", lambda _: None)
    found = check("gpio:gpiochip0/17=cat")
    assert found.broken
    assert found.found == "gpio: needs gpiod, which is not installed"
    assert found.fix == "pip install 'edgevision[gpio]'"


def test_missing_chip_and_program_are_reported() -> None:
    assert "no GPIO chip /dev/gpiochip250" in check("gpio:gpiochip250/17=cat").found
    assert check("gpio:fake/0=cat").ok
    assert "program not found or not executable: /no/such" in check("exec:/no/such").found
    assert check("exec:cat").ok


def test_server_that_listens_is_reachable() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        found = check(f"webhook:http://127.0.0.1:{port}/TOKEN/x")
        assert found.ok, found.found
        assert "TOKEN" not in found.name + found.found
    found = check(f"webhook:http://127.0.0.1:{port}/TOKEN/x")
    assert found.broken
    assert found.found == f"cannot reach port {port} of 127.0.0.1: Connection refused"


def test_broker_that_is_down_is_reported() -> None:
    port = free_port()
    found = check(f"mqtt://127.0.0.1:{port}/home")
    assert found.broken
    assert str(port) in found.found or "refused" in found.found


def test_check_that_hangs_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(diagnosis, "_findings", lambda *_: iter([answered.wait()]))
    assert check("jsonl:x", 0.1).found == "no answer within 0.1 s"
    answered.set()


def test_doctor_lists_the_outputs_of_a_configuration(tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text('[[outputs]]\nspec = "jsonl:log.jsonl"\n[[outputs]]\nspec = "gpio:gpiochip250/1=cat"\n')
    done = CliRunner().invoke(doctor, ["--config", str(config), "--json", "--quiet"])
    checks = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert checks[f"output jsonl:{tmp_path}/log.jsonl"]["ok"] is True
    assert checks["output gpio:gpiochip250/1=cat"]["ok"] is False
    assert done.exception is not None and "output gpio:gpiochip250/1=cat" in str(done.exception)
