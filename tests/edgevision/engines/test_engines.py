"""Engines by name; the Edge TPU is tested with a real shared library, a fake libedgetpu built from C."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import command_line
import numpy as np
import pytest
from documents import parse
from failing_model import fails_on_bright_images
from hypothesis import given
from hypothesis import strategies as st
from locations import ROOT, TESTS
from processes import has_ended

import edgevision
from edgevision.engines import edgetpu, edgetpu_probe
from edgevision.engines.edgetpu_devices import LIBRARY_VARIABLE, plugged_in
from edgevision.engines.edgetpu_diagnosis import explain
from edgevision.engines.edgetpu_failure import Failure
from edgevision.engines.edgetpu_query import listing
from edgevision.engines.interpreter import open_interpreter
from edgevision.engines.protocol import EngineChoice, EngineUnavailable
from edgevision.engines.registry import check_name, open_engine
from edgevision.errors import BadModel, EngineError, UnknownName
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.model_file.edgetpu_part import check_compiled_from, compiled_part, is_compiled
from edgevision.preprocessing.spec import Preprocessing

SOURCE = TESTS / "delegate" / "fake_edgetpu.c"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the fake libedgetpu; return its path."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler found, so the fake libedgetpu cannot be built")
    built = tmp_path_factory.mktemp("delegate") / "libfake_edgetpu.so"
    subprocess.run([compiler, "-Wall", "-Wextra", "-shared", "-fPIC", "-o", built, SOURCE], check=True)
    return built


@pytest.fixture
def fake(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that replaces libedgetpu by the fake with a certain behavior, and returns its log file."""

    def use(behaviour: str = "") -> Path:
        log = tmp_path / "delegate.log"
        monkeypatch.setenv(LIBRARY_VARIABLE, str(library))
        monkeypatch.setenv("FAKE_EDGETPU", behaviour)
        monkeypatch.setenv("FAKE_EDGETPU_LOG", str(log))
        monkeypatch.setattr(edgetpu, "RETRY_AFTER_S", (0.0, 0.0))
        return log

    return use


def has_card(source: Path, target: Path, files: dict[str, bytes] | None = None) -> Path:
    """Write a copy of a model with a model card and more files inside; return its path."""
    file = model_file.read(source)
    spec = file.inputs[0]
    preprocessing = Preprocessing(spec.shape[2], spec.shape[1], mean=(float(spec.zero_point),), std=(1 / spec.scale,))
    card = ModelCard("tiny", "classification", preprocessing, ("red", "green", "blue"), activation="softmax")
    model_file.write(target, file.flatbuffer, card, files)
    return target


@pytest.fixture
def bare(data: Path, tmp_path: Path) -> Path:
    """Return a compiled model file."""
    return has_card(data / "tiny_edgetpu.tflite", tmp_path / "bare_edgetpu.tflite")


@pytest.fixture
def both(data: Path, tmp_path: Path) -> Path:
    """Return an ordinary model file with the compiled model inside."""
    compiled = (data / "tiny_edgetpu.tflite").read_bytes()
    return has_card(data / "tiny.tflite", tmp_path / "both.tflite", {"edgetpu.tflite": compiled})


def ran(log: Path, what: str) -> list[str]:
    """Return the details of all steps of one kind in the log, in order."""
    lines = [line.split(" ", 2) for line in log.read_text().splitlines()] if log.exists() else []
    return [detail for _, step, detail in lines if step == what]


def picture(blue: int = 0) -> np.ndarray:
    """Return a 16x16 image, the size of the model's input; the fake returns the sum of its bytes, modulo 3."""
    made = np.zeros((16, 16, 3), np.uint8)
    made[3, 5, 2] = blue
    return made


# --- errors


def test_each_error_of_the_runtime_is_reported_once() -> None:
    engine, bright = open_interpreter(fails_on_bright_images()), np.full((1, 8, 8, 3), 255, np.uint8)
    for _ in range(3):
        with pytest.raises(EngineError) as caught:
            engine.infer(bright)
        assert str(caught.value).endswith("gather index out of bounds; node number 5 (GATHER) failed to invoke.")
        assert str(caught.value).count("node number") == 1
    engine.infer(bright // 2)
    engine.close()


# --- names


@pytest.mark.parametrize(
    "name", ["auto", "cpu", "edgetpu", "edgetpu:1", "edgetpu:usb", "edgetpu:usb:0", "edgetpu:pci:2"]
)
def test_valid_engine_name_is_accepted(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("edgetup", "did you mean 'edgetpu'?"),
        ("hailo", "use one of: auto, edgetpu, cpu"),
        ("", "use one of: auto"),
        ("cpu:0", "use one of: cpu"),
        ("auto:0", "did you mean 'auto'?"),
        ("edgetpu:", "edgetpu:usb:N"),
        ("edgetpu:usb:x", "edgetpu:usb:N"),
        ("edgetpu:usb:0000", "edgetpu:usb:N"),
        ("edgetpu:/dev/apex_0", "edgetpu:usb:N"),
    ],
)
def test_invalid_engine_name_is_refused(name: str, said: str) -> None:
    with pytest.raises(UnknownName) as caught:
        check_name(name)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@given(st.text(max_size=30) | st.from_regex(r"(auto|cpu|edgetpu)(:[a-z0-9]*){0,3}", fullmatch=True))
def test_any_engine_name_is_valid_or_a_one_line_error(name: str) -> None:
    try:
        assert check_name(name) == name
    except UnknownName as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert name.partition(":")[0] in ("auto", "cpu", "edgetpu") and not name.endswith(":")


# --- which engine runs


def test_model_without_compiled_part_runs_on_cpu(data: Path, tmp_path: Path) -> None:
    path = has_card(data / "tiny.tflite", tmp_path / "m.tflite")
    with edgevision.open_model(path, engine="auto") as model:
        assert model.choice == EngineChoice("auto", "cpu", None)
    with pytest.raises(EngineError, match="no model compiled for the Edge TPU"):
        edgevision.open_model(path, engine="edgetpu")


def test_compiled_part_runs_on_delegate(both: Path, fake: Callable[[str], Path]) -> None:
    log = fake("")
    with edgevision.open_model(both, engine="auto", threads=1) as model:
        assert model.choice == EngineChoice("auto", "edgetpu", None)
        for blue in (0, 1, 2, 200):
            top = model.predict(picture(blue)).top
            assert top is not None and top.index == blue % 3 and top.score > 0.99
    assert ran(log, "claimed") == ["1", "1"], "once in the child, once here"


def test_named_cpu_is_used(both: Path, fake: Callable[[str], Path]) -> None:
    log = fake("")
    with edgevision.open_model(both, engine="cpu") as model:
        assert model.choice == EngineChoice("cpu", "cpu", None)
        assert model.predict(np.full((16, 16, 3), (0, 0, 255), np.uint8)).top.name == "blue"
    assert not log.exists()


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ("edgetpu", ""),
        ("edgetpu:1", ":1"),
        ("edgetpu:usb", "usb"),
        ("edgetpu:usb:0", "usb:0"),
        ("edgetpu:pci:2", "pci:2"),
    ],
)
def test_device_is_passed_to_driver(device: str, told: str, bare: Path, fake: Callable[[str], Path]) -> None:
    log = fake("")
    edgevision.open_model(bare, engine=device).close()
    assert ran(log, "create") == [told, told]


def test_close_releases_device(bare: Path, fake: Callable[[str], Path]) -> None:
    log = fake("")
    model = edgevision.open_model(bare, engine="edgetpu")
    assert len(ran(log, "destroy")) == 1
    model.close()
    model.close()
    assert len(ran(log, "destroy")) == 2


BROKEN = {
    "refuse": "Edge TPU found",
    "crash": "driver crashed (SIGSEGV)",
    "crash-invoke": "driver crashed (SIGSEGV)",
    "hang": "no response within 2 s",
    "mismatch": "are incompatible",
    "fail-invoke": "USB transfer error",
}


@pytest.mark.parametrize(("behaviour", "said"), BROKEN.items())
def test_broken_driver_is_a_one_line_error(
    behaviour: str, said: str, both: Path, fake: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(behaviour)
    monkeypatch.setattr("edgevision.engines.edgetpu_diagnosis.plugged_in", lambda: ())
    if behaviour == "hang":
        monkeypatch.setattr(edgetpu_probe, "TIMEOUT_S", 2)
    with pytest.raises(EngineError) as caught:
        edgevision.open_model(both, engine="edgetpu:usb:0")
    assert said in str(caught.value) and "\n" not in str(caught.value)
    if behaviour == "hang":
        return  # one timeout is enough for a test
    with edgevision.open_model(both, engine="auto") as model:
        assert model.choice is not None and (model.choice.requested, model.choice.used) == ("auto", "cpu")
        assert said in (model.choice.fallback_reason or "")
        assert model.predict(np.full((16, 16, 3), (0, 255, 0), np.uint8)).top.name == "green"


def test_version_mismatch_names_both_versions(bare: Path, fake: Callable[[str], Path]) -> None:
    fake("mismatch")
    with pytest.raises(EngineError, match=r"RuntimeVersion\(14\).* must be built for \S+ \d"):
        edgevision.open_model(bare, engine="edgetpu")


def test_open_waits_for_device_that_reconnects_late(bare: Path, fake: Callable[[str], Path]) -> None:
    log = fake("refuse-second")
    edgevision.open_model(bare, engine="edgetpu").close()
    assert len(ran(log, "create")) == 3


def test_compiled_file_cannot_fall_back_to_cpu(bare: Path, fake: Callable[[str], Path]) -> None:
    with pytest.raises(EngineUnavailable, match=r"use the ordinary \.tflite"):
        edgevision.open_model(bare, engine="cpu")
    fake("crash")
    with pytest.raises(EngineError, match=r"driver crashed .* cannot run on the CPU"):
        edgevision.open_model(bare, engine="auto")


def test_missing_library_is_refused(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, "libabsent.so.1")
    with pytest.raises(EngineError, match=r"cannot be loaded: .*No such file"):
        edgevision.open_model(bare, engine="edgetpu")


def test_compiled_part_of_another_model_is_refused(data: Path, tmp_path: Path, fake: Callable[[str], Path]) -> None:
    fake("")
    compiled = (data / "tiny_edgetpu.tflite").read_bytes()
    other = model_file.read(data / "segmenter.tflite")
    wrong = tmp_path / "wrong.tflite"
    size = other.inputs[0].shape
    preprocessing = Preprocessing(size[2], size[1], mean=(0.0,), std=(1.0,))
    model_file.write(
        wrong, other.flatbuffer, ModelCard("s", "segmentation", preprocessing), {"edgetpu.tflite": compiled}
    )
    with pytest.raises(BadModel, match="was not compiled from"):
        edgevision.open_model(wrong, engine="edgetpu")
    plain = (data / "tiny.tflite").read_bytes()
    inside = has_card(data / "tiny.tflite", tmp_path / "plain.tflite", {"edgetpu.tflite": plain})
    with pytest.raises(BadModel, match="not made by the Edge TPU compiler"):
        edgevision.open_model(inside, engine="edgetpu")
    with edgevision.open_model(inside, engine="auto") as model:
        assert model.choice is not None and model.choice.used == "cpu"
        assert "not made by the Edge TPU compiler" in (model.choice.fallback_reason or "")


def test_is_compiled_checks_operator_codes(data: Path, both: Path) -> None:
    assert is_compiled((data / "tiny_edgetpu.tflite").read_bytes())
    plain = (data / "tiny.tflite").read_bytes()
    assert not is_compiled(plain)
    assert not is_compiled(plain + b"edgetpu-custom-op"), "only the operator codes count"
    assert compiled_part(model_file.read(both)) == (data / "tiny_edgetpu.tflite").read_bytes()


@given(at=st.integers(0, 463), value=st.integers(0, 255))
def test_damaged_compiled_part_is_checked_or_refused(at: int, value: int, data: Path) -> None:
    damaged = bytearray((data / "tiny_edgetpu.tflite").read_bytes())
    damaged[at] = value
    with suppress(BadModel):
        assert is_compiled(bytes(damaged)) in (True, False)
        check_compiled_from(bytes(damaged), model_file.read(data / "tiny.tflite"), "it")


def test_real_compiled_model_runs_on_fake_device(shared: Path, tmp_path: Path, fake: Callable[[str], Path]) -> None:
    fake("")
    source = shared / "models" / "mobilenet_v1_0.25_128_quant_edgetpu.tflite"
    engine, choice = open_engine("auto", model_file.read(source))
    assert choice.used == "edgetpu"
    tensor = np.zeros(engine.inputs[0].shape, np.uint8)
    tensor[0, 3, 5, 1] = 207
    (scores,) = engine.infer(tensor)
    assert scores.shape == (1, 1001) and int(scores.argmax()) == 207
    engine.close()


def test_card_command_stores_compiled_model_inside(data: Path, tmp_path: Path, fake: Callable[[str], Path]) -> None:
    ordinary = has_card(data / "tiny.tflite", tmp_path / "m.tflite")
    compiled = data / "tiny_edgetpu.tflite"
    done = command("card", str(ordinary), "--edgetpu", str(compiled), "-o", "both.tflite", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    fake("")
    both = tmp_path / "both.tflite"
    with edgevision.open_model(both, engine="edgetpu") as model:
        assert model.predict(picture(1)).top.name == "green"
    again = command("card", str(both), "--name", "renamed", "-o", "again.tflite", folder=tmp_path)
    assert again.returncode == 0 and compiled_part(model_file.read(tmp_path / "again.tflite")) == compiled.read_bytes()
    for model, part, said in (
        (ordinary, ordinary, "was not made by the Edge TPU compiler"),
        (data / "embedder.tflite", compiled, "was not compiled from"),
        (compiled, compiled, "is already compiled"),
    ):
        wish = ["--task", "classification", "--resize", "stretch", "--edgetpu", str(part), "-o", "no.tflite"]
        done = command("card", str(model), *wish, folder=tmp_path)
        assert done.returncode == 1 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


# --- runtimes

OLDER = ROOT / ".cache" / "envs" / "tflite-runtime" / "bin" / "python"
ASK = """
import sys
from pathlib import Path
import numpy as np
from edgevision.engines import interpreter; from edgevision.model_file import model_file as modelfile
from edgevision.engines.edgetpu import open_delegated
interpreter.RUNTIMES = {sys.argv[1]: interpreter.RUNTIMES[sys.argv[1]]}
file = modelfile.read(Path(sys.argv[2]))
tensor = np.zeros((1, 16, 16, 3), np.uint8)
tensor[..., 2] = 255
(plain,) = interpreter.open_interpreter(file.flatbuffer, 1).infer(tensor)
tensor[...] = 0
tensor[0, 0, 0, 0] = 4
(delegated,) = open_delegated(modelfile.read(Path(sys.argv[3])).flatbuffer, "usb:0", 1).infer(tensor)
print(interpreter.describe_runtime(), plain.argmax(), delegated.argmax())
"""


@pytest.mark.parametrize(
    "runtime",
    [
        "litert",
        pytest.param("tensorflow", marks=pytest.mark.tensorflow),
        pytest.param("tflite-runtime", marks=pytest.mark.slow),
    ],
)
def test_every_runtime_runs_models_and_delegates(runtime: str, data: Path, fake: Callable[[str], Path]) -> None:
    fake("")
    python = Path(sys.executable)
    if runtime == "tflite-runtime":
        python = OLDER
        if not python.exists():
            pytest.skip("no environment with tflite-runtime; create it with: make env-tflite-runtime")
    elif runtime == "litert" and find_spec("ai_edge_litert") is None:
        pytest.skip("LiteRT is not installed")
    models = [str(data / "tiny.tflite"), str(data / "tiny_edgetpu.tflite")]
    done = subprocess.run(
        [str(python), "-c", ASK, runtime, *models],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    name, version, plain, delegated = done.stdout.split()[-4:]
    assert name == runtime and version != "unknown"
    assert (int(plain), int(delegated)) == (2, 1), "blue, and 4 modulo 3"


# --- reasons


def test_library_reports_version_and_devices(
    library: Path, fake: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake("")
    monkeypatch.setenv("FAKE_EDGETPU_DEVICES", "2")
    assert listing(str(library)) == {"version": "BuildLabel(fake), RuntimeVersion(14)", "devices": ["usb", "usb"]}
    with pytest.raises(OSError, match="cannot open"):
        listing("libabsent.so.1")
    checks = parse(command("doctor", "--json", folder=tmp_path).stdout, "doctor")["checks"]
    found = next(check for check in checks if check["name"] == "libedgetpu")
    assert found["ok"] and "RuntimeVersion(14)" in found["found"]


def usb(root: Path, name: str = "1a6e:089a", bus: int = 1, device: int = 4) -> Path:
    """Add a USB Edge TPU to a fake root folder; return its device node."""
    entry = root / f"sys/bus/usb/devices/{bus}-{device}"
    entry.mkdir(parents=True)
    for key, value in zip(("idVendor", "idProduct", "busnum", "devnum"), (*name.split(":"), bus, device), strict=True):
        (entry / key).write_text(f"{value}\n")
    node = root / f"dev/bus/usb/{bus:03d}/{device:03d}"
    node.parent.mkdir(parents=True, exist_ok=True)
    node.touch()
    return node


def test_connected_devices_are_found_in_fake_root(tmp_path: Path) -> None:
    assert plugged_in(tmp_path) == ()
    fresh, warm = usb(tmp_path), usb(tmp_path, "18d1:9302", 2, 17)
    usb(tmp_path, "046d:0825", 1, 9)
    found = plugged_in(tmp_path, lambda node: node == warm)
    assert [(tpu.bus, tpu.name, tpu.node, tpu.usable) for tpu in found] == [
        ("usb", "1a6e:089a", fresh, False),
        ("usb", "18d1:9302", warm, True),
    ]
    card = tmp_path / "sys/bus/pci/devices/0000:01:00.0"
    card.mkdir(parents=True)
    (card / "vendor").write_text("0x1ac1\n")
    (card / "device").write_text("0x089a\n")
    assert plugged_in(tmp_path)[-1].node is None, "its driver is not loaded"
    (tmp_path / "dev/apex_0").touch()
    assert plugged_in(tmp_path, lambda _: True)[-1].name == "/dev/apex_0"


REFUSED = Failure("device", "Failed to open the device")


def test_refusal_is_explained_by_connected_devices(tmp_path: Path) -> None:
    assert "1a6e:089a and 18d1:9302" in explain(REFUSED, "", ())
    node = usb(tmp_path)
    mine, locked = plugged_in(tmp_path, lambda _: True), plugged_in(tmp_path, lambda _: False)
    assert "usermod -aG plugdev" in explain(REFUSED, "", locked) and str(node) in explain(REFUSED, "", locked)
    assert "no PCIe Edge TPU" in explain(REFUSED, "pci:0", mine)
    assert "Edge TPU 1 not found" in explain(REFUSED, "usb:1", mine)
    assert "Failed to open the device" in explain(REFUSED, "0", mine)
    (tmp_path / "dev/apex_0").touch()
    assert "usermod -aG apex" in explain(REFUSED, "pci", plugged_in(tmp_path, lambda _: False))


def test_trial_that_cannot_start_is_not_reported_as_driver_crash() -> None:
    said = explain(Failure("start", "No module named 'edgevision'"), "", ())
    assert said == "the trial of the Edge TPU could not start: No module named 'edgevision'"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "libedgetpu.so.1: cannot open shared object file: No such file or directory",
            "sudo apt install libedgetpu1-std",
        ),
        ("libusb-1.0.so.0: cannot open shared object file: No such file or directory", "sudo apt install libusb-1.0-0"),
        ("libedgetpu.so.1: wrong ELF class: ELFCLASS64", "a different processor architecture"),
        ("/lib/libc.so.6: version `GLIBC_2.36' not found (required by libedgetpu.so.1)", "a newer system"),
        ("something new", "cannot be loaded: something new"),
    ],
)
def test_library_that_does_not_load_is_explained(message: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LIBRARY_VARIABLE, raising=False)
    assert said in explain(Failure("library", message), "", ())


# --- the command line


def command(*args: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return command_line.edgevision(*args, cwd=folder)


def write_photos(folder: Path) -> Path:
    """Write two classes that the fake distinguishes: the sum of the bytes modulo 3 is 0 for red, 1 for green."""
    import cv2

    for name, value in (("red", 3), ("green", 4)):
        (folder / name).mkdir(parents=True)
        for number in range(3):
            image = np.zeros((16, 16, 3), np.uint8)
            image[number, 0, 0] = value
            assert cv2.imwrite(str(folder / name / f"{number}.png"), image)
    return folder


def test_evaluate_uses_the_accelerator(both: Path, tmp_path: Path, fake: Callable[[str], Path]) -> None:
    fake("")
    photos = write_photos(tmp_path / "photos")
    done = command("evaluate", str(both), str(photos), "--engine", "edgetpu", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    report = parse(done.stdout, "evaluate")
    assert report["accuracy"]["value"] == 1.0 and report["model"]["engine"] == "edgetpu"
    fake("crash")
    done = command("evaluate", str(both), str(photos), "--engine", "auto", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "driver crashed (SIGSEGV)" in done.stderr
    done = command("evaluate", str(both), str(photos), "--engine", "edgetpu", folder=tmp_path)
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_run_reports_and_records_engine(both: Path, bare: Path, tmp_path: Path, fake: Callable[[str], Path]) -> None:
    fake("")
    photo = write_photos(tmp_path / "photos") / "green" / "1.png"
    base = ["run", str(both), "--source", str(photo), "--json", "--overwrite", "--summary", "s.json"]
    done = command(*base, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert parse(done.stdout, "run_line")["labels"][0]["name"] == "green"
    engine = parse((tmp_path / "s.json").read_text(), "run")["engine"]
    assert (engine["requested"], engine["used"], engine["fallback_reason"]) == ("auto", "edgetpu", None)
    assert engine["runtime"] and engine["version"]
    fake("mismatch")
    done = command(*base, folder=tmp_path)
    assert done.returncode == 0 and "on the CPU because libedgetpu and the TFLite runtime" in done.stderr
    engine = parse((tmp_path / "s.json").read_text(), "run")["engine"]
    assert engine["used"] == "cpu" and "are incompatible" in engine["fallback_reason"]
    for model, name in ((both, "edgetpu:usb:0"), (bare, "auto"), (bare, "cpu")):
        done = command("run", str(model), "--engine", name, "--source", str(photo), folder=tmp_path)
        assert done.returncode == 1 and done.stdout == "" and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_ctrl_c_stops_a_hanging_driver(both: Path, tmp_path: Path, fake: Callable[[str], Path]) -> None:
    log = fake("hang")
    line = [sys.executable, "-m", "edgevision", "evaluate", str(both), str(write_photos(tmp_path / "p"))]
    child = subprocess.Popen([*line, "--engine", "edgetpu"], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    while not ran(log, "create"):
        assert child.poll() is None, "the process ended early"
        time.sleep(0.05)
    driver = int(log.read_text().split(" ")[0])
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130 and said.strip() == "edgevision: error: interrupted"
    assert has_ended(driver)


def test_misspelled_engine_is_a_usage_error(both: Path, tmp_path: Path) -> None:
    done = command("evaluate", str(both), "photos", "--engine", "edgtpu", folder=tmp_path)
    assert done.returncode == 2 and "did you mean 'edgetpu'?" in done.stderr
