"""Public JSON: every document has a schema, every command with --json is tested by it, and the schemas keep the rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import click
import pytest
from documents import FOLDER, accepted, check_rules, loads, parse, schemas, valid, walk
from jsonschema import Draft202012Validator
from locations import ROOT, TESTS

from edgevision.cli.main import cli, main

COMMANDS = {
    # command: name of its schema, test that parses its output
    "bench compare": ("bench_comparison", "project/test_made_before.py"),
    "bench measure": ("bench", "device/bench/test_benchmark.py"),
    "bench sweep": ("bench", "device/bench/test_sweep.py"),
    "bundle create": ("bundle_made", "device/bundle/test_build.py"),
    "bundle verify": ("bundle_check", "device/bundle/test_build.py"),
    "cameras": ("cameras", "project/test_json.py"),
    "capture": ("capture", "device/collection/test_capture.py"),
    "convert": ("convert", "convert/test_pipeline.py"),
    "data check": ("data_check", "edgevision/datasets/test_check.py"),
    "demo": ("demo", "convert/demo/test_demo.py"),
    "deploy releases": ("deploy_status", "emulated/deploy/device.py"),
    "deploy status": ("deploy_status", "emulated/deploy/device.py"),
    "deploy update": ("deploy", "emulated/deploy/device.py"),
    "doctor": ("doctor", "device/doctor/test_doctor.py"),
    "export": ("export", "device/export/test_web.py"),
    "evaluate": ("evaluate", "edgevision/evaluation/test_evaluate.py"),
    "fleet status": ("fleet_status", "emulated/fleet/hosts.py"),
    "flash card": ("flash_event", "device/flash/disk/test_write_loop_devices.py"),
    "flash check": ("image_check", "device/flash/image/test_check.py"),
    "flash drives": ("drives", "device/flash/disk/test_drives.py"),
    "flash image": ("image_made", "device/flash/image/test_prepare.py"),
    "flash status": ("install_status", "device/flash/image/test_status.py"),
    "flash write": ("flash_event", "device/flash/disk/test_write_loop_devices.py"),
    "label": ("label_check", "device/label/test_mistakes.py"),
    "inspect": ("inspect", "edgevision/inspection/test_report.py"),
    "page": ("run", "device/page/test_end_to_end.py"),
    "pull": ("pull", "device/pull/test_pull.py"),
    "run": ("run", "device/cli/test_run.py"),
    "service status": ("service", "device/service/test_service.py"),
    "drift": ("drift", "device/drift/test_drift.py"),
    "teach": ("teach", "device/teach/test_teach.py"),
    "train": ("train", "convert/training/test_run.py"),
}
WITHOUT_SCHEMA_FIELD = {"run_line", "install_status"}
PRIVATE = {
    "edgevision.checkpoint/2",
    "edgevision.health/1",
    "edgevision.installed/1",
    "edgevision.release_reported/1",
    "edgevision.request/1",
    "edgevision.state/1",
    "edgevision.update/1",
}
"""Schemas of files and requests that only edgevision reads."""
OLD = {"edgevision.card/1"}
"""Schemas that are still read, but not written."""
KEY = re.compile(r"[a-z][a-z0-9_]*")
UNIT = re.compile(r".*_(ms|s|mb|bytes|fps|points|c|mhz|mb_s)")


def commands(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for part in command.list_commands(ctx):
            found = command.get_command(ctx, part)
            assert found is not None
            yield from commands(found, f"{name} {part}".strip())
    else:
        yield name, command


def test_every_command_with_json_is_tested_by_its_schema() -> None:
    with_json = {name for name, command in commands(cli) if any("--json" in option.opts for option in command.params)}
    assert with_json == COMMANDS.keys()
    for name, (schema, test) in COMMANDS.items():
        text = (TESTS / test).read_text(encoding="utf-8")
        validates = re.search(rf'parse(_lines)?\(.*?"{schema}"\s*\)', text, re.DOTALL)
        assert validates, f"{test} does not validate the output of edgevision {name} --json"


def test_cameras_command_prints_a_valid_document(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cameras", "--json"])
    assert ended.value.code == 0
    parse(capsys.readouterr().out, "cameras")


def test_every_schema_in_the_code_has_a_file() -> None:
    sources = [path for folder in ("edgevision", "convert", "device") for path in (ROOT / folder).rglob("*.py")]
    named = {name for path in sources for name in re.findall(r'"(edgevision\.[a-z_]+/\d+)"', path.read_text("utf-8"))}
    assert named - PRIVATE - OLD == {stated(schema) for schema in schemas().values()} - {None}


def stated(schema: dict[str, Any]) -> str | None:
    """Return the value of the field ``schema``, as ``edgevision.card/2``."""
    name, version = re.fullmatch(r"urn:edgevision:schema:(\w+):(\d+)", schema["$id"]).groups()  # type: ignore[union-attr]
    if name in WITHOUT_SCHEMA_FIELD:
        return None
    branches = [one for one in walk(schema) if "schema" in one.get("properties", {})]
    assert {one["properties"]["schema"]["const"] for one in branches} == {f"edgevision.{name}/{version}"}
    assert all("schema" in one["required"] for one in branches)
    return f"edgevision.{name}/{version}"


@pytest.mark.parametrize("name", schemas())
def test_schema_is_valid_and_described(name: str) -> None:
    schema = schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["title"] and schema["description"].endswith(".")
    known = {one["$id"]: one for one in schemas().values()}
    for one in walk(schema):
        assert ("type" not in one) or one["type"] != "object" or {"properties", "additionalProperties"} & one.keys()
        if "$ref" in one:
            file, _, pointer = one["$ref"].partition("#")
            target: Any = known[file] if file else schema
            for part in filter(None, pointer.split("/")):
                target = target[part]
            assert one.get("description") or target["description"]
        for key, value in one.get("properties", {}).items() if isinstance(one.get("properties"), dict) else ():
            assert KEY.fullmatch(key), key
            assert "description" in value or "$ref" in value, key
            kinds = {value.get("type")} if isinstance(value.get("type"), str) else set(value.get("type", ()))
            assert not (UNIT.fullmatch(key) and kinds & {"string", "boolean"}), key


def test_schemas_are_part_of_the_package() -> None:
    found = {one.name for one in (files("edgevision") / "schemas").iterdir()}
    assert found == {path.name for path in FOLDER.iterdir()}
    assert all(re.fullmatch(r"edgevision\.\w+-\d+\.schema\.json", name) for name in found)


SKIPPED = {"blurred": 0, "alike": 0, "damaged": 0}
DOCUMENT = {"schema": "edgevision.capture/1", "folder": "x", "files": [], "skipped": SKIPPED}


def test_readers_accept_unknown_keys_and_tests_do_not() -> None:
    assert valid(DOCUMENT) == DOCUMENT
    more = {**DOCUMENT, "skipped": {**SKIPPED, "later": 1}}
    assert accepted(more, "capture")
    with pytest.raises(AssertionError, match="later"):
        valid(more)
    with pytest.raises(AssertionError, match="'files' is a required property"):
        valid({key: value for key, value in DOCUMENT.items() if key != "files"})


def test_rules_hold_for_numbers() -> None:
    check_rules({"score": 1.0, "age_ms": None, "memory_mb": {"start": 1.5}})
    for wrong in ({"labels": [{"score": 1.01}]}, {"age_ms": "3"}, {"value": float("nan")}):
        with pytest.raises(AssertionError):
            check_rules(wrong)
    with pytest.raises(AssertionError, match="NaN"):
        loads('{"value": NaN}')
