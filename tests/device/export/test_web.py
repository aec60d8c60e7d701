"""``edgevision export --to web`` without a browser: the folder, the changed model, what is refused, the server."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import edgevision
from documents import loads, parse, valid
from edgevision.device.export.registry import TARGETS, open_target
from edgevision.device.export.web import runtime
from edgevision.device.export.web.browser_model import browser_model
from locations import ROOT
from web_app import exported, litertjs_folder

from edgevision import default_model, open_model, read_model
from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel
from edgevision.tflite.tables import io_specs, open_flatbuffer

DATA = ROOT / "tests" / "data"
ASSETS = ROOT / "device" / "export" / "web" / "assets"
MODEL = default_model.path()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the exported app of the bundled default model."""
    folder = tmp_path_factory.mktemp("export") / "site"
    exported(MODEL, folder)
    return folder


def test_facts_describe_the_model(site: Path) -> None:
    facts = valid(loads((site / "model" / "facts.json").read_text()), "web_app")
    card = read_model(MODEL).card
    assert card is not None and card.selftest is not None
    assert facts["labels"] == list(card.labels)
    assert facts["model"]["sha256"] == hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert [case["image"] for case in facts["selftest"]["cases"]] == [case.picture for case in card.selftest.cases]
    packed = gzip.decompress((site / "model" / facts["selftest"]["file"]).read_bytes())
    assert hashlib.sha256(packed).hexdigest() == facts["selftest"]["sha256"]
    assert (site / "model" / "model.tflite").read_bytes() == read_model(MODEL).flatbuffer


def test_service_worker_keeps_every_file_but_the_builds_of_the_runtime(site: Path) -> None:
    worker = (site / "sw.js").read_text()
    kept = set(json.loads(re.findall(r"^const FILES = (.*);$", worker, re.MULTILINE)[0]))
    there = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    builds = {f"runtime/{build}{suffix}" for build in runtime.BUILDS for suffix in (".js", ".wasm.gz")}
    assert kept == there - builds - {"sw.js"} | {"./"}
    assert loads((site / "model" / "facts.json").read_text())["version"] in worker


def test_app_names_no_other_host(site: Path) -> None:
    for path in [*ASSETS.iterdir(), site / "manifest.webmanifest"]:
        assert not re.search(r"https?://", path.read_text()), path.name
    assert "Apache License" in (site / "licenses" / "Apache-2.0.txt").read_text()


def test_every_module_that_is_imported_is_there(site: Path) -> None:
    for path in (site / "app").glob("*.js"):
        for name in re.findall(r"""(?:from|import\()\s*["']\./([\w.]+)["']""", path.read_text()):
            assert (site / "app" / name).is_file(), f"{path.name} imports {name}"


def test_command_writes_json_and_replaces_only_an_app(tmp_path: Path) -> None:
    arguments = ("export", MODEL, "--to", "web", "-o", "app", "--runtime", litertjs_folder())
    done = edgevision(*arguments, "--json", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = parse(done.stdout, "export")
    assert document["files"] == sum(path.is_file() for path in (tmp_path / "app").rglob("*"))
    assert document["web"]["selftest"]["source"] == "model"
    again = edgevision(*arguments, cwd=tmp_path)
    assert again.returncode == 1 and again.stderr.endswith("or replace it with --overwrite\n")
    old = (tmp_path / "app" / "old").touch()
    assert old is None and edgevision(*arguments, "--overwrite", cwd=tmp_path).returncode == 0
    assert not (tmp_path / "app" / "old").exists()
    assert os.listdir(tmp_path) == ["app"]
    (tmp_path / "app" / "model" / "facts.json").unlink()
    kept = edgevision(*arguments, "--overwrite", cwd=tmp_path)
    assert "already exists and is not an exported app" in kept.stderr and (tmp_path / "app" / "index.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--page", "8000"), "--page has no effect without --serve; add --serve"),
        (("--page-tls", "auto"), "--page-tls has no effect without --serve; add --serve"),
        (("--serve", "--json"), "--json prints what was made and --serve goes on until Ctrl-C; give one of them"),
    ],
)
def test_options_without_an_effect_are_refused(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = edgevision("export", MODEL, "--to", "web", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"edgevision: error: {message}\n")


@pytest.mark.parametrize(
    ("name", "task", "message"),
    [
        ("embedder.tflite", "embedding", "classifiers, detectors and segmenters, but this is a model for embedding"),
        ("cells.tflite", "points", "classifiers, detectors and segmenters, but this is a model for points"),
        ("yolo.tflite", "detection", "but this one has the output layout yolo"),
    ],
)
def test_models_that_the_page_cannot_read_are_refused(name: str, task: str, message: str, tmp_path: Path) -> None:
    made = edgevision("card", DATA / name, "--task", task, "--resize", "stretch", "-o", "model.tflite", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    done = edgevision("export", "model.tflite", "--to", "web", cwd=tmp_path)
    assert done.returncode == 1 and message in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "model-web").exists()


def test_archives_of_the_runtime_are_checked(tmp_path: Path) -> None:
    arguments = ("export", MODEL, "--to", "web", "--runtime", "npm")
    missing = edgevision(*arguments, cwd=tmp_path)
    expected = "npm pack @litertjs/core@2.5.3 @litertjs/wasm-utils@2.5.3\n"
    assert missing.stderr.endswith(expected) and "litertjs-core-2.5.3.tgz not found" in missing.stderr
    (tmp_path / "npm").mkdir()
    (tmp_path / "npm" / runtime.CORE.file).write_bytes(b"something else")
    assert "its SHA-512 is not that of @litertjs/core 2.5.3" in edgevision(*arguments, cwd=tmp_path).stderr


def test_damaged_archive_in_the_cache_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    runtime.cache_folder().mkdir(parents=True)
    (runtime.cache_folder() / runtime.CORE.file).write_bytes(b"damaged")
    monkeypatch.setattr(runtime, "REGISTRY", "http://127.0.0.1:9")
    done = edgevision("export", MODEL, "--to", "web", cwd=tmp_path)
    assert "LiteRT.js could not be fetched from http://127.0.0.1:9/@litertjs/core/-/core-2.5.3.tgz" in done.stderr
    assert done.stderr.endswith("and give the folder with --runtime DIR\n") and len(done.stderr.splitlines()) == 1


def test_outputs_without_a_shape_get_one_and_the_answers_stay() -> None:
    original = read_model(DATA / "detector.tflite").flatbuffer
    before = open_interpreter(original)
    image = np.random.default_rng(0).integers(0, 256, before.inputs[0].shape, dtype=np.uint8)
    answers = before.infer(image)
    assert {spec.shape for spec in io_specs(open_flatbuffer(original))[1]} == {()}
    changed = browser_model(original, [answer.shape for answer in answers])
    assert [spec.shape for spec in io_specs(open_flatbuffer(changed))[1]] == [answer.shape for answer in answers]
    for one, other in zip(open_interpreter(changed).infer(image), answers, strict=True):
        assert np.array_equal(one, other)


def test_64_bit_classes_become_32_bit_ones() -> None:
    original = read_model(DATA / "segmenter.tflite").flatbuffer
    before = open_interpreter(original)
    if before.outputs[0].dtype != "int64":
        pytest.fail("the segmenter no longer has int64 classes")
    image = np.random.default_rng(0).integers(0, 256, before.inputs[0].shape, dtype=np.uint8)
    expected = before.infer(image)[0]
    after = open_interpreter(browser_model(original, [expected.shape])).infer(image)[0]
    assert after.dtype == np.int32 and np.array_equal(after, expected)


def test_64_bit_output_of_another_operator_is_refused() -> None:
    original = bytearray(read_model(DATA / "tiny.tflite").flatbuffer)
    from edgevision.tflite.schema import TYPES, SubGraph, Tensor
    from edgevision.tflite.tables import main_graph

    graph = main_graph(open_flatbuffer(bytes(original)))
    at = graph.element(SubGraph.TENSORS, graph.integers(SubGraph.OUTPUTS, "i")[0]).position(Tensor.TYPE)
    assert at is not None
    original[at] = TYPES.index("int64")
    shape = io_specs(open_flatbuffer(bytes(original)))[1][0].shape
    with pytest.raises(BadModel, match="is int64, which browsers' runtime does not return"):
        browser_model(bytes(original), [shape])


def test_targets_are_importable() -> None:
    for name in TARGETS:
        assert callable(open_target(name))


def test_server_gives_the_app_and_nothing_else(site: Path, tmp_path: Path) -> None:
    pytest.importorskip("starlette")
    from edgevision.device.export.web.serving import AppServer
    from edgevision.device.page.address import LOOPBACK, PageAddress
    from edgevision.device.page.opened import PageOptions

    shutil.copytree(site, tmp_path / "site", ignore=shutil.ignore_patterns("runtime"))
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "site" / "link").symlink_to(tmp_path / "secret")
    server = AppServer(tmp_path / "site", PageOptions(address=PageAddress(LOOPBACK, 0)))
    try:
        [line] = server.lines()
        port = int(re.findall(r"http://127\.0\.0\.1:(\d+)/ ", line)[0])
        assert _get(port, "/")[0] == 200
        assert _get(port, "/app/app.js")[1] == "text/javascript; charset=utf-8"
        for path in ("/../secret", "/%2e%2e/secret", "/link", "/absent"):
            assert _get(port, path)[0] == 404, path
    finally:
        server.close()


def _get(port: int, path: str) -> tuple[int, str | None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("content-type")
    finally:
        connection.close()


def test_model_without_a_self_test_gets_drawn_images(tmp_path: Path) -> None:
    card = edgevision(
        "card", DATA / "tiny.tflite", "--task", "classification", "--resize", "crop", "-o", "m.tflite", cwd=tmp_path
    )
    assert card.returncode == 0, card.stderr
    made = exported(tmp_path / "m.tflite", tmp_path / "site")
    assert made.details["selftest"]["source"] == "drawn" and "its images are drawn" in made.notes[0]
    facts = loads((tmp_path / "site" / "model" / "facts.json").read_text())
    with open_model(tmp_path / "m.tflite") as model:
        assert {len(case["scores"]["indices"]) for case in facts["selftest"]["cases"]} == {
            len(model.card.labels or "123")
        }
