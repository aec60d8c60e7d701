"""Tests of fleets without devices: inventories, what each device gets, what Ansible reports, and what is refused.

Updates of five devices over real SSH are in ``tests/emulated/fleet``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import small_bundle
from command_line import edgevision
from documents import parse
from edgevision.device.fleet import ansible
from edgevision.device.fleet.ansible import AnsibleOptions, Ended, failure, find
from edgevision.device.fleet.deploy import FleetResult, Watch
from edgevision.device.fleet.host_options import host_options
from edgevision.device.fleet.package_for import answer
from edgevision.device.fleet.prometheus import write_targets
from edgevision.device.fleet.report import deploy_json, deploy_table, status_json
from edgevision.device.fleet.role_files import export
from edgevision.device.fleet.status import FleetStatus, HostStatus
from edgevision.device.installer.archive.verify import read
from probed_devices import answer as probed
from probed_devices import device, release_of, with_release

from edgevision import default_model
from edgevision.errors import BadInput, MissingDependency, OutputExists

RELEASE = "edgevision_release"
REQUEST: dict[str, Any] = {
    "host": "door1",
    "config": "",
    "camera": "",
    "options": {},
    "sign_key": "",
    "allow_downgrade": False,
    "full": False,
    "wheels": "",
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle.build(tmp_path_factory.mktemp("bundle") / "door.tar.xz")


# ------------------------------------------------------------------------------------------------------- without Ansible


def test_missing_ansible_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(MissingDependency, match=r'ansible-playbook not found; run: pip install "edgevision\[fleet\]"'):
        find({"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--canary", "2", "pi@door", "m.tflite"], "--canary needs --inventory"),
        (["--inventory", "hosts.ini", "pi@door", "m.tflite"], "only a bundle or model is expected"),
        (["--inventory", "hosts.ini", "--port", "22"], "set ansible_port in the inventory"),
        (["--inventory", "hosts.ini", "--camera", "0"], "set edgevision_camera in the inventory"),
        (["--inventory", "hosts.ini", "--serial", "0"], "--serial: expected a number of devices"),
        (["--inventory", "hosts.ini", "--max-failures", "101"], "--max-failures: expected a share"),
        (["--inventory", "absent.ini"], "inventory not found: absent.ini"),
        (["--inventory", "hosts.ini", "absent.tflite"], "absent.tflite"),
        (["pi@door"], "expected USER@HOST and a bundle or model"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("door ansible_host=192.0.2.1\n")
    done = edgevision("deploy", *arguments, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


# -------------------------------------------------------------------------------------------------- options of one device


def test_options_of_a_device_are_those_of_its_device_toml() -> None:
    found = host_options("door1", "2", {"run": {"top": 3}, "outputs": [{"spec": "metrics:9100"}]})
    assert (found["camera"], found["top"], found["outputs"][0].spec) == ("2", 3, "metrics:9100")


@pytest.mark.parametrize(
    ("camera", "options", "said"),
    [
        ("0", {"camera": {"camera": 1}}, "door1: both edgevision_camera and a camera"),
        (
            "",
            {"run": {"tpo": 3}},
            "edgevision_options of door1: run.tpo: unknown key 'tpo' in [run]; did you mean 'top'?",
        ),
        ("", {"run": {"model": "m"}}, "the model is part of the bundle"),
        ("", {"top": 3}, "it belongs in [run]"),
        ("-", {}, "a service has no standard input"),
    ],
)
def test_options_that_a_device_cannot_have(camera: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as error:
        host_options("door1", camera, options)
    assert said in str(error.value)


# --------------------------------------------------------------------------------------------------- what one device gets


def package_for(tmp_path: Path, source: Path, installed: dict[str, Any], **changes: Any) -> dict[str, Any]:
    request = REQUEST | {"device": probed(None, installed), "source": str(source), "cache": str(tmp_path)} | changes
    return answer(json.dumps(request).encode())


def test_equal_devices_get_one_file(bundle: Path, tmp_path: Path) -> None:
    installed = release_of(bundle)
    first = package_for(tmp_path, default_model.path(), installed)
    assert first["state"] == "ready"
    second = package_for(tmp_path, default_model.path(), installed, host="door2")
    assert first | {"checks": []} == second | {"checks": []}  # the clocks differ by what the test takes
    assert len(list(tmp_path.glob("*.tar.xz"))) == 1
    assert Path(first["path"]).stat().st_mode & 0o077 == 0


def test_options_of_a_device_change_a_bundle_and_nothing_else(bundle: Path, tmp_path: Path) -> None:
    made = package_for(tmp_path, bundle, release_of(bundle), camera="rtsp://me:secret@192.0.2.7/live")
    changed = {
        name
        for name, entry in read(Path(made["path"]), store=stored(bundle, tmp_path)).manifest.files.items()
        if entry != read(bundle).manifest.files[name]
    }
    assert changed == {"run.toml", "edgevision.service"}
    assert Path(made["path"]).stat().st_size < 5000
    assert "secret" not in json.dumps(made)


def stored(bundle: Path, folder: Path) -> dict[str, Path]:
    """Return what a device has of a bundle."""
    files = folder / "files"
    files.mkdir()
    return {entry.sha256: files / name for name, entry in read(bundle, into=files).manifest.files.items()}


def test_options_leave_the_libraries_of_a_device(bundle: Path, tmp_path: Path) -> None:
    made = package_for(tmp_path, default_model.path(), release_of(bundle), camera="3")
    again = package_for(tmp_path, default_model.path(), release_of(bundle), camera="3")
    assert made["release"] == again["release"]
    assert Path(made["path"]).stat().st_size < default_model.path().stat().st_size + 5000


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({"source": "absent.tflite"}, "failed", "bundle or model not found: absent.tflite"),
        ({"device": probed({"arch": "armv7l", "bits": 32})}, "not_ready", "architecture"),
        ({"device": probed(None, {"keys": ["a.pem"]})}, "not_ready", "--sign"),
    ],
)
def test_device_that_gets_nothing(changes: dict[str, Any], state: str, said: str, bundle: Path, tmp_path: Path) -> None:
    found = package_for(tmp_path, Path(changes.pop("source", bundle)), {}, **changes)
    assert found["state"] == state
    assert said in found["problem"]
    assert "path" not in found


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", json.dumps(REQUEST).encode(), b"{" * 1000])
def test_request_that_is_not_one_of_the_role(data: bytes) -> None:
    with pytest.raises(BadInput):
        answer(data)


# ---------------------------------------------------------------------------------------------------- what Ansible reports


def event(kind: str, host: str, task: str = RELEASE, **result: Any) -> dict[str, Any]:
    return {"event": kind, "host": host, "task": task, "result": result}


def reported(*events: dict[str, Any], status: int = 2) -> FleetResult:
    """Return what becomes of five devices: all are asked, then these events come."""
    watch = Watch(lambda line: None)
    for number in range(1, 6):
        watch.event(event("start", f"door{number}", "edgevision_info"))
    watch.event({"event": "play", "play": "Canary"})
    for one in events:
        watch.event(one)
    watch.close(Ended(status, ""))
    return FleetResult(Path("hosts.ini"), False, list(watch.hosts.values()), 1.0)


RELEASES = {"from": "one-0123456789ab", "to": "two-0123456789ab"}
BACK = {
    "state": "reverted",
    "reason": "too slow",
    "release": RELEASES,
    "log": ["a line"],
    "rate_fps": {"before": 9, "after": 2},
}


def test_canary_that_fails_leaves_four_untouched() -> None:
    found = reported(event("failed", "door1", **BACK))
    assert [one.state for one in found.hosts] == ["reverted", *["untouched"] * 4]
    assert found.hosts[0].canary
    assert found.error is not None
    assert found.error.exit_code == 4
    assert str(found.error) == "door1 took the release back: too slow; 4 more left as they were"
    shown = parse(json.dumps(deploy_json(found)), "fleet_deploy")
    assert shown["hosts"][0]["release"] == RELEASES
    assert deploy_table(found).row_count == 5


def test_note_of_a_device_is_passed_on() -> None:
    told = event("ok", "door1", state="confirmed", release=RELEASES, note="the classes taught on it stay")
    found = reported(told, status=0)
    shown = parse(json.dumps(deploy_json(found)), "fleet_deploy")
    assert [one["note"] for one in shown["hosts"][:2]] == ["the classes taught on it stay", ""]
    assert next(iter(deploy_table(found).columns[-1].cells)) == "note: the classes taught on it stay"


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([event("failed", "door2", "edgevision_bundle", msg="x"), event("failed", "door1", **BACK)], 4),
        ([event("failed", "door2", "edgevision_bundle", msg="x")], 1),
        ([event("failed", "door2", "edgevision_bundle", censored="x")], 1),
        ([event("failed", "door2", state="refused", reason="x")], 1),
        ([event("failed", "door2", state="not_ready", reason="x"), event("unreachable", "door3", msg="y")], 3),
        ([event("unreachable", "door3", msg="y"), event("ok", "door1", state="confirmed")], 5),
        ([event("ok", "door1", state="unchanged")], 0),
    ],
)
def test_exit_code_is_that_of_the_worst(events: list[dict[str, Any]], code: int) -> None:
    error = reported(*events, status=2 if code else 0).error
    assert (0 if error is None else error.exit_code) == code


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("[WARNING]: x\n[ERROR]: Attempting to decrypt but no vault secrets found.\nmore", "no vault secrets found"),
        ("ERROR! the playbook: x could not be found", "the playbook: x could not be found"),
        ("", "exit status 4"),
    ],
)
def test_what_ansible_says_becomes_one_line(text: str, meaning: str) -> None:
    assert meaning in str(failure(Ended(4, text)))


def test_passwords_reach_ansible_in_private_files(tmp_path: Path) -> None:
    options = AnsibleOptions(Path("hosts.ini"), vault_password="secret one", become_password="secret two")
    arguments = ansible._arguments(options, tmp_path)
    assert not any("secret" in one for one in arguments)
    assert {path.read_text() for path in tmp_path.iterdir()} == {"secret one", "secret two"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------------------- Prometheus


def status_of(**metrics: tuple[str, ...] | None) -> FleetStatus:
    """Return the status of devices by name: specs of their metrics, None if they cannot be reached."""
    hosts = []
    for name, specs in metrics.items():
        known = None if specs is None else device(None, {"metrics": list(specs)}).installed
        hosts.append(HostStatus(name, f"{name}.local", "unreachable" if specs is None else "running", "", known))
    return FleetStatus(Path("hosts.ini"), hosts)


def test_targets_for_prometheus_keep_devices_that_are_off(tmp_path: Path) -> None:
    path = tmp_path / "targets.json"
    assert write_targets(status_of(a=("metrics:0.0.0.0:9100",), b=("metrics:9100",), c=()), path) == ["b", "c"]
    assert write_targets(status_of(a=None, b=None, c=("metrics:[::]:9101",)), path) == ["b"]
    assert json.loads(path.read_text()) == [
        {"targets": ["a.local:9100"], "labels": {"edgevision_device": "a"}},
        {"targets": ["c.local:9101"], "labels": {"edgevision_device": "c"}},
    ]


def test_targets_of_devices_that_were_not_asked_stay(tmp_path: Path) -> None:
    path, spec = tmp_path / "targets.json", ("metrics:0.0.0.0:9100",)
    write_targets(status_of(a=spec, b=spec), path)
    write_targets(status_of(a=("metrics:0.0.0.0:9200",)), path, partial=True)
    assert {one["targets"][0] for one in json.loads(path.read_text())} == {"a.local:9200", "b.local:9100"}
    write_targets(status_of(a=spec), path)
    assert [one["targets"] for one in json.loads(path.read_text())] == [["a.local:9100"]]


def test_other_files_are_not_replaced_by_targets(tmp_path: Path) -> None:
    path = tmp_path / "prometheus.yml"
    path.write_text("scrape_configs: []\n")
    with pytest.raises(OutputExists, match="not a target file"):
        write_targets(status_of(a=()), path)


def test_status_has_model_and_event(bundle: Path) -> None:
    health = {"rate_fps": 9.5, "drift": "drifted", "last_event": {"time": "t", "what": "entered cat", "detail": "0.9"}}
    known = with_release(bundle, health=health, temperature_c=61.5).installed
    found = FleetStatus(Path("hosts.ini"), [HostStatus("door1", "door1.local", "running", "", known)])
    shown = parse(json.dumps(status_json(found)), "fleet_status")["hosts"][0]
    assert shown["model_sha256"] == read(bundle).manifest.files["model.tflite"].sha256
    assert (shown["rate_fps"], shown["temperature_c"], shown["drift"]) == (9.5, 61.5, "drifted")
    assert shown["last_event"]["what"] == "entered cat"


# --------------------------------------------------------------------------------------------------------------- the role


def test_role_is_exported_once(tmp_path: Path) -> None:
    role = export(tmp_path)
    assert {path.name for path in (role / "library").iterdir()} == {"edgevision_info.py", "edgevision_release.py"}
    programs = {path.name for path in (role / "module_utils").iterdir()}
    assert programs == {"edgevision_probe.py", "edgevision_receive.py", "edgevision_forget.py"}
    assert not list(role.rglob("__init__.py"))
    with pytest.raises(OutputExists, match="exists already"):
        export(tmp_path)


def test_status_through_ansible(tmp_path: Path) -> None:
    """The one test here that runs ansible-playbook, which takes two seconds."""
    pytest.importorskip("ansible")
    (tmp_path / "hosts.ini").write_text("here ansible_connection=local\n")
    done = edgevision("fleet", "status", "--inventory", "hosts.ini", "--json", cwd=tmp_path)
    assert done.returncode in (0, 3), done.stderr
    (here,) = parse(done.stdout, "fleet_status")["hosts"]
    assert here["host"] == "here"
    assert here["state"] in ("empty", "running", "down", "trial")


def test_upload_continues_where_an_earlier_one_broke_off(tmp_path: Path) -> None:
    pytest.importorskip("ansible")
    from edgevision.device.fleet.role.action_plugins.edgevision_release import CALL, bundle_name, upload

    role, home = export(tmp_path), tmp_path / "home"
    there = home / ".cache/edgevision/upload"
    data, key = bytes(range(256)) * 40, b"a public key"
    name = bundle_name(data)

    def run(program: str, argument: dict[str, Any], rest: bytes) -> dict[str, Any]:
        text = (role / "module_utils" / f"edgevision_{program}.py").read_text() + CALL
        command, given = [sys.executable, "-I", "-c", text], json.dumps(argument).encode() + b"\n" + rest
        done = subprocess.run(command, input=given, capture_output=True, env={"HOME": str(home)}, check=True)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def cut_off(program: str, argument: dict[str, Any], rest: bytes) -> dict[str, Any]:
        return run(program, argument, rest[:3000])

    with pytest.raises(Exception, match="3000 of 10240 bytes arrived"):
        upload({name: data, "key.pem": key}, {}, cut_off)
    left = {path.name: path.stat().st_size for path in there.iterdir()}
    paths, sent = upload({name: data, "key.pem": key}, left, run)
    assert (Path(paths[name]).read_bytes(), Path(paths["key.pem"]).read_bytes()) == (data, key)
    assert sent == len(data) + len(key) - 3000
    run("forget", {}, b"")
    assert not (home / ".cache").exists()


@pytest.mark.slow
def test_role_has_nothing_to_lint(tmp_path: Path) -> None:
    """Loads all rules of ansible-lint."""
    pytest.importorskip("ansiblelint")
    export(tmp_path / "roles")
    (tmp_path / "site.yml").write_text("---\n- name: Devices\n  hosts: all\n  roles:\n    - role: edgevision\n")
    command = [str(Path(sys.executable).with_name("ansible-lint")), "--offline", "--profile=production", "--nocolor"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
