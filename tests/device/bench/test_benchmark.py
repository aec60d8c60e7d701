"""Tests of benchmarks: order of measurement, stopping rule, statistics and validity."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import pytest
from changed_model import without_evidence
from documents import parse
from edgevision.device.bench.bootstrap import paired_ratio, unpaired_ratio
from edgevision.device.bench.energy import Energy, used_j
from edgevision.device.bench.machine_info import describe, emulated
from edgevision.device.bench.machine_state import MachineMonitor
from edgevision.device.bench.measurement import Measuring, Session
from edgevision.device.bench.quantiles import distribution, interval_width, median_interval
from edgevision.device.bench.runner import Measure, Stopwatch
from edgevision.device.bench.stopping_rule import MeasurementPlan, is_steady
from edgevision.device.bench.validity import differs, of_itself, of_machine
from edgevision.device.doctor.fakes import PI_4, PI_5, PI_ZERO_2, FakeMachine, build
from edgevision.device.system.host import ProcessResult, System
from locations import TESTS

from edgevision import default_model, open_model
from edgevision.cli.main import main

PLAN = MeasurementPlan(least_blocks=12, most_blocks=40, least_s=0.0, most_s=1e6)
SOON = "--seconds=1"


@dataclass
class Time:
    """A clock that advances only while a subject runs."""

    now_s: float = 0.0

    @property
    def stopwatch(self) -> Stopwatch:
        return Stopwatch(lambda: self.now_s, lambda: self.now_s)


@dataclass
class Scripted:
    """A subject whose runs take ``seconds(now, count)``."""

    id: str
    time: Time
    seconds: Callable[[float, int], float]
    measures: tuple[Measure, ...] = ("invoke", "predict")
    log: list[str] = field(default_factory=list)
    count: int = 0

    def run(self, measure: Measure, count: int) -> list[float]:
        self.log.append(self.id)
        taken = []
        for _ in range(count):
            self.count += 1
            taken.append(self.seconds(self.time.now_s, self.count))
            self.time.now_s += taken[-1]
        return taken

    def stages(self) -> dict[str, list[float]]:
        return {}


def machine(tmp_path: Path, fake: FakeMachine = PI_4, **files: str) -> System:
    """Return an idle Pi, with additional files in /proc."""
    more = {f"/proc/{name}": text for name, text in files.items()}
    quiet = {"/proc/stat": "cpu 0 0 0 0 0 0 0 0 0 0\n", "/proc/loadavg": "0.10 0.20 0.30 1/100 999\n"}
    return build(replace(fake, files={**quiet, **more}), tmp_path)


def session(system: System, *subjects: Scripted, plan: MeasurementPlan = PLAN) -> Session:
    time = subjects[0].time
    return Measuring(subjects, plan, MachineMonitor(system), Energy(system), time.stopwatch).session()


def test_distribution_statistics() -> None:
    values = [float(v) for v in range(1, 101)] + [10_000.0]
    found = distribution(values, [49.0, 50.0, 51.0, 52.0, 53.0, 54.0])
    assert found is not None
    assert (found.n, found.min, found.p50, found.outliers) == (101, 1.0, 51.0, 1)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.std == pytest.approx(np.std(values, ddof=1))
    assert found.p99 == pytest.approx(np.percentile(values, 99))
    assert (found.p50_low, found.p50_high) == (49.0, 54.0)
    assert distribution([], []) is None


def test_median_interval_has_its_coverage() -> None:
    rng = random.Random(1)
    held = 0
    for _ in range(400):
        low, high = median_interval([rng.expovariate(1.0) for _ in range(25)])
        held += low <= np.log(2) <= high
    assert held >= 0.92 * 400
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
    assert interval_width([1.0] * 5) == float("inf")
    assert interval_width([2.0] * 9) == 0.0


def test_ratios_are_correct_and_reproducible() -> None:
    rng = np.random.default_rng(3)
    drift = np.linspace(1, 3, 40)
    a, b = 2.0 * drift * rng.normal(1, 0.02, 40), drift * rng.normal(1, 0.02, 40)
    found = paired_ratio(a, b, seed=5)
    assert found == paired_ratio(a, b, seed=5)
    assert found.holds(2.0)
    assert found.high - found.low < 0.1
    loose = unpaired_ratio(a, b, seed=5)
    assert loose.holds(2.0)
    assert loose.high - loose.low > found.high - found.low


def test_steady_if_two_windows_agree() -> None:
    assert not is_steady([1.0] * 19)
    assert is_steady([9.0] * 5 + [1.0] * 20)
    assert not is_steady([2.0] * 10 + [1.0] * 10)


def test_stopping_rule() -> None:
    plan = MeasurementPlan(precision=0.05, least_blocks=12, least_s=10.0, most_s=100.0)
    sharp, vague = [1.0] * 12, [1.0, 2.0] * 6
    assert plan.enough([sharp, sharp], 20.0)
    assert not plan.enough([sharp, vague], 20.0)
    assert not plan.enough([sharp[:11]], 20.0)
    assert not plan.enough([sharp], 9.0)
    assert plan.enough([vague], 100.0)
    assert plan.runs(0.001) == plan.most_runs
    assert plan.runs(5.0) == plan.least_runs


def test_each_block_runs_a_random_order_and_its_reverse(tmp_path: Path) -> None:
    time, log = Time(), list[str]()
    names = "abcde"
    subjects = [Scripted(name, time, lambda *_: 0.01, ("predict",), log) for name in names]
    found = session(machine(tmp_path), *subjects)
    blocks = [log[-10 * n - 10 : len(log) - 10 * n] for n in range(found.blocks)]
    assert all(block == block[::-1] and sorted(block) == sorted(names * 2) for block in blocks)
    assert len({tuple(block) for block in blocks}) > 1


def test_drift_affects_all_equally(tmp_path: Path) -> None:
    """On a machine that slows down steadily, ratios of equal and of half-as-fast models are still correct."""
    time = Time()
    slower: Callable[[float, int], float] = lambda now, _: 0.001 * (1 + now / 20)  # noqa: E731
    twice: Callable[[float, int], float] = lambda now, _: 0.002 * (1 + now / 20)  # noqa: E731
    found = session(
        machine(tmp_path), *(Scripted(n, time, s) for n, s in zip("abc", (slower, slower, twice), strict=True))
    )
    blocks = {name: one.samples["predict"].blocks_ms for name, one in found.measured.items()}
    assert blocks["a"][-1] > 1.3 * blocks["a"][0]
    assert paired_ratio(blocks["b"], blocks["a"], 0).value == pytest.approx(1.0, abs=0.03)
    assert paired_ratio(blocks["c"], blocks["a"], 0).value == pytest.approx(2.0, rel=0.03)
    assert differs(of_itself(found.measured["a"].samples["predict"], 0), "predict") is None


def test_noise_is_repeatable_and_bias_is_not(tmp_path: Path) -> None:
    rng = random.Random(7)
    noisy = Scripted("noisy", Time(), lambda *_: 0.01 * rng.lognormvariate(0, 0.2))
    found = session(machine(tmp_path), noisy)
    assert differs(of_itself(found.measured["noisy"].samples["predict"], 0), "predict") is None
    samples = found.measured["noisy"].samples["predict"]
    alone, among_many = of_itself(samples, 0), of_itself(samples, 0, among=20)
    assert among_many.low < alone.low and alone.high < among_many.high
    samples.medians_ms = [10.0 if n % 4 in (1, 2) else 12.0 for n in range(len(samples.medians_ms))]
    reason = differs(of_itself(samples, 0, among=20), "predict")
    assert reason is not None
    assert "not repeatable" in reason


def test_warm_up_is_excluded(tmp_path: Path) -> None:
    subject = Scripted("cold", Time(), lambda _, count: 0.1 if count <= 5 else 0.01, ("predict",))
    measured = session(machine(tmp_path), subject).measured["cold"]
    assert measured.warmup_runs >= 20
    assert max(measured.samples["predict"].all_ms) == pytest.approx(10.0)
    assert measured.cpu_s == pytest.approx(measured.predict_s)


@pytest.mark.parametrize(
    ("bits", "when"),
    [
        ([0x4] * 3 + [0] * 500, "before the measurement"),  # throttled before, not during
        ([0] * 6 + [0x50005] + [0x50000] * 500, "from"),
        ([0] * 6 + [0x40000] * 500, "from"),  # for a moment between two readings
    ],
)
def test_throttling_before_or_during_is_invalid(tmp_path: Path, bits: list[int], when: str) -> None:
    answers = iter(bits)
    system = replace(machine(tmp_path), throttled=lambda: next(answers))
    found = session(system, Scripted("a", Time(), lambda *_: 0.01))
    (reason,) = of_machine(found, 1, 4)
    assert reason.startswith("throttled: ")
    assert when in reason


def test_throttling_at_the_end_is_invalid(tmp_path: Path) -> None:
    subject = Scripted("a", Time(), lambda *_: 0.01)
    end_s = 3.0
    system = replace(machine(tmp_path), throttled=lambda: 0x8 if subject.time.now_s > end_s else 0)
    plan = replace(PLAN, most_s=end_s, least_s=1e6)
    (reason,) = of_machine(session(system, subject, plan=plan), 1, 4)
    assert "soft temperature limit" in reason


def test_old_throttling_is_ignored(tmp_path: Path) -> None:
    system = replace(machine(tmp_path), throttled=lambda: 0x50000)
    assert of_machine(session(system, Scripted("a", Time(), lambda *_: 0.01)), 1, 4) == []


def test_swapping_and_busy_programs_are_invalid(tmp_path: Path) -> None:
    system = machine(tmp_path, vmstat="pswpin 0\npswpout 0\n", stat="cpu 0 0 0 0 0 0 0 0\n")
    subject = Scripted("a", Time(), lambda *_: 0.01)

    def work(now: float, count: int) -> float:
        """Keep all four cores busy and swap pages."""
        (tmp_path / "proc/vmstat").write_text(f"pswpin {count}\npswpout {count}\n")
        (tmp_path / "proc/stat").write_text(f"cpu {int(400 * (now + 0.01))} 0 0 0 0 0 0 0\n")
        return 0.01

    subject.seconds = work
    found = session(system, subject)
    swapping, busy = of_machine(found, 2, 4)
    assert swapping.startswith("swapping")
    assert "3.0 of 4 cores" in busy
    assert of_machine(found, 1, 4) == [swapping], "one core is left for one thread"


def test_machine_that_reports_nothing_is_valid(tmp_path: Path) -> None:
    system = replace(machine(tmp_path), throttled=lambda: None)
    for name in ("proc/stat", "proc/loadavg", "sys/class/thermal/thermal_zone0/temp"):
        (tmp_path / name).unlink()
    found = session(system, Scripted("a", Time(), lambda *_: 0.01))
    assert of_machine(found, 2, 4) == []
    state = found.states[-1].to_json()
    assert [state[name] for name in ("temperature_c", "frequency_mhz", "throttled", "load")] == [None] * 4


def test_machine_state_is_read_from_sys(tmp_path: Path) -> None:
    system = machine(tmp_path)
    for core, khz in enumerate((600_000, 1_800_000)):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{core}/cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_cur_freq").write_text(f"{khz}\n")
    state = MachineMonitor(system).look(1.0)
    assert (state.frequency_mhz, state.temperature_c, state.load, state.throttled) == (1800.0, 48.2, 0.1, ())


def test_machine_description(tmp_path: Path) -> None:
    cpuinfo = "".join(f"processor\t: {n}\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n" for n in range(4))
    fake = replace(PI_4, memory_kb=4_000_000)
    system = machine(tmp_path, fake, cpuinfo=cpuinfo)
    (tmp_path / "sys/devices/system/cpu/cpu0/cpufreq").mkdir(parents=True)
    (tmp_path / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").write_text("ondemand\n")
    found = describe(system, {"ai-edge-litert": "2.3.0", "click": "8"}, ["XNNPACK"])
    assert (found.board, found.cpu, found.cores, found.governor) == (PI_4.board, "Cortex-A72", 4, "ondemand")
    assert (found.memory_mb, found.arch, found.python, found.emulated) == (4096, "aarch64", "3.11.2", None)
    assert found.runtimes == {"ai-edge-litert": "2.3.0"}
    small = describe(build(PI_ZERO_2, tmp_path / "zero"), {}, [])
    assert small.arch == "aarch64, 32-bit system"


def test_emulated_machine_is_detected(tmp_path: Path) -> None:
    x86 = machine(tmp_path / "user", cpuinfo="processor\t: 0\nvendor_id\t: GenuineIntel\n")
    assert "qemu on an x86 machine" in str(emulated(x86))
    whole = machine(tmp_path / "whole", replace(PI_4, board="linux,dummy-virt"))
    assert emulated(whole) == "a machine emulated by QEMU"
    assert describe(x86, {}, []).name.endswith("emulated")


def test_energy_is_measured_if_the_board_reports_it(tmp_path: Path) -> None:
    silent = machine(tmp_path / "pi4")
    assert used_j(Energy(silent).read(), Energy(silent).read(), 1.0) is None

    rails = "  VDD_CORE_A current(7)=2.00000000A\n  VDD_CORE_V volt(15)=0.80000000V\n  EXT5V_V volt(24)=5.1V\n"
    pi_5 = replace(machine(tmp_path / "pi5", PI_5), child=lambda command, _: ProcessResult(0, rails))
    reading = Energy(pi_5).read()
    assert used_j(reading, reading, 2.0) == pytest.approx(3.2)

    counter = machine(tmp_path / "counter")
    file = tmp_path / "counter/sys/class/powercap/intel-rapl:0/energy_uj"
    file.parent.mkdir(parents=True)
    (file.parent.parent / "intel-rapl:0:0").mkdir()
    (file.parent.parent / "intel-rapl:0:0/energy_uj").write_text("999")
    readings = []
    for text in ("1000000", "3500000", "10"):
        file.write_text(text)
        readings.append(Energy(counter).read())
    assert used_j(readings[0], readings[1], 9.0) == pytest.approx(2.5)
    assert used_j(readings[1], readings[2], 9.0) is None, "the counter was reset"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments])
    return int(ended.value.code or 0)


def test_command_measures_and_writes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(default_model.path())
    code = run(model, model, "--threads", "1", SOON, "--source", "test:@fast", "--runs", str(tmp_path), "--json")
    out = parse(capsys.readouterr().out, "bench")
    written = parse((tmp_path / "bench-1/bench.json").read_text(), "bench")
    assert out == written
    assert code == (0 if all(one["valid"] for one in out["results"]) else 3)
    assert out["schema"] == "edgevision.bench/1"
    first, second = out["results"]
    assert (first["id"], second["id"]) == ("default cpu 1T", "default cpu 1T #2")
    assert (first["threads"], first["engine"], first["source"]) == (1, "cpu", "test:@fast")
    assert first["valid"] == (not first["invalid"])
    assert set(first["rate_fps"]) == {"invoke", "predict", "loop"}
    assert {"import", "open", "first"} <= set(first["cold_start_ms"])
    assert first["memory_mb"]["peak"] > 10
    assert first["predict_ms"]["n"] == sum(map(len, first["samples_ms"]["predict"]))
    assert first["stages_ms"].keys() == {"prepare", "infer", "decode"}
    assert {(one["a"], one["b"]) for one in out["ratios"]} >= {(first["id"], first["id"]), (second["id"], first["id"])}
    record = parse((tmp_path / "bench-1/run.json").read_text(), "run_folder")
    assert (record["exit_code"], record["outputs"]) == (code, ["bench.json", "bench.html"])
    page = Page((tmp_path / "bench-1/bench.html").read_text())
    assert page.open == []
    assert {"Latency", "Distribution", "Over time", "Time per stage", "Machine"} <= set(page.headlines)


def test_model_without_a_card_is_measured_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "bare.tflite"
    model.write_bytes(without_evidence())
    run(str(model), "--threads", "1", SOON, "--runs", str(tmp_path), "--json")
    (found,) = parse(capsys.readouterr().out, "bench")["results"]
    assert found["not_measured"].startswith("preparing an image and decoding the result: nothing in the file shows")
    assert (found["model"]["name"], found["model"]["task"]) == ("bare", None)
    assert found["stages_ms"].keys() == {"infer"}
    assert found["cold_start_ms"]["first"] > 0
    page = (tmp_path / "bench-1/bench.html").read_text()
    assert "inference alone" in page and "not measured" in page


def test_source_needs_a_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "bare.tflite"
    model.write_bytes(without_evidence())
    assert run(str(model), "--source", "test:@fast", "--runs", str(tmp_path)) == 1
    assert "add a model card" in capsys.readouterr().err


def test_accuracy_is_reported_with_latency(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = open_model(default_model.path()).card.labels[:2]
    translation = tmp_path / "names.csv"
    translation.write_text(f"name,label\nthe second,{second}\n")
    for name in (first, "the second"):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(3):
            cv2.imwrite(str(folder / f"{number}.png"), np.full((40, 60, 3), 40 * number, np.uint8))
    scored = ("--accuracy", str(tmp_path / "photos"), "--label-map", str(translation))
    run(str(default_model.path()), "--threads", "1", SOON, *scored, "--runs", str(tmp_path), "--json")
    (found,) = parse(capsys.readouterr().out, "bench")["results"]
    assert found["accuracy"]["total"] == 6
    assert found["accuracy"]["low"] <= found["accuracy"]["value"] <= found["accuracy"]["high"]
    page = Page((tmp_path / "bench-1/bench.html").read_text())
    assert "Accuracy and latency" in page.headlines
    assert run(str(default_model.path()), "--accuracy", str(tmp_path / "absent"), "--runs", str(tmp_path)) == 1
    assert not (tmp_path / "bench-2").exists()


def test_accuracy_of_a_detector_is_refused_with_the_command_that_measures_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused before the photos are looked at, which have boxes instead of class folders."""
    detector, photos = str(TESTS / "data/yolo.tflite"), str(tmp_path / "photos")
    assert run(detector, "--accuracy", photos, "--runs", str(tmp_path)) == 1
    [line] = capsys.readouterr().err.strip().splitlines()
    assert f"{detector} is a detection model; --accuracy needs classification models" in line
    assert line.endswith(f"measure the detector with: edgevision evaluate {detector} {photos}")
    assert not (tmp_path / "bench-1").exists()


class Page(HTMLParser):
    """A parsed HTML page: unclosed tags and headlines."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headlines: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "img", "br", "wbr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """Ignore self-closing tags."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headlines.append(data)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 1, "no model to measure"),
        (("absent.tflite",), 1, "model not found: absent.tflite"),
        (("MODEL", "--threads", "0"), 2, "expected a whole number from 1 to 256, got 0"),
        (("MODEL", "--engine", "cpo"), 2, "did you mean 'cpu'?"),
        (("MODEL", "--source", "absent.mp4"), 1, "no such file or folder: absent.mp4"),
        (("MODEL", "--source", "-"), 1, "--source cannot be standard input"),
        (("MODEL", "--label-map", "PICTURE"), 1, "--label-map needs --accuracy"),
        (("MODEL", "--source", "PICTURE"), 1, "is too short: got 1 frames"),
    ],
)
def test_invalid_requests_fail_with_one_line(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "one.png"
    cv2.imwrite(str(picture), np.zeros((40, 60, 3), np.uint8))
    known = {"MODEL": str(default_model.path()), "PICTURE": str(picture)}
    given = [known.get(argument, argument) for argument in arguments]
    assert run(*given, "--runs", str(tmp_path)) == code
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_block_medians_are_the_mean_of_both_visits(tmp_path: Path) -> None:
    found = session(machine(tmp_path), Scripted("a", Time(), lambda _, count: 0.01 + 0.001 * (count % 5)))
    samples = found.measured["a"].samples["predict"]
    assert len(samples.visits_ms) == 2 * found.blocks
    assert samples.blocks_ms[0] == pytest.approx((median(samples.visits_ms[0]) + median(samples.visits_ms[1])) / 2)
