"""Measure what outputs cost the loop, and what it costs when they fail; count every loss.

    python benchmarks/outputs.py [--rate 30|fast] [--blocks 6] [--seconds 5] [--cases all down ...] [--viewers 4] [--soak MINUTES]

The loop reads a 1280x720 test pattern, runs the model and reports a label that comes and goes every second. Each case
alternates with a loop without outputs in short blocks, so that a busy machine slows both equally; the ratio of the rates
and its 95 % interval come from the pairs of blocks. Cases: ``all`` outputs working, the MQTT broker ``down``, the disk
``full`` (a small tmpfs, needs root), a webhook that is ``hanging``, a program of ``exec`` that is ``dying``, and
``viewers`` of the live page, which all cases serve. Outputs whose libraries or programs are missing are left out by name.

At a camera's rate (30 frames/s) the ratio should be at least 0.95 with all outputs working, and 0.9 when they fail. With
``--rate fast`` the pattern is read as fast as possible, and the outputs take their share of the processors: that ratio
has no limit, but shows the cost per frame. In every block, each item offered to an output must have been
delivered, dropped or replaced by a newer frame, by the counts of the output.

``--soak`` runs the loop with all outputs for some minutes and prints the memory every minute. The bounded stores, such as
the images of events on the page and the frames of clips, fill first; in the last third, memory should stay flat.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time
from typing import TypeVar

from edgevision.device.bench.bootstrap import paired_ratio
from edgevision.device.cameras.registry import open_camera
from edgevision.device.loop.loop import run
from edgevision.device.loop.stop import Stop
from edgevision.device.loop.temporal_filter import TemporalFilter
from edgevision.device.outputs.open import open_outputs
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.outputs.registry import KINDS, require_libraries
from edgevision.device.outputs.worker import OutputWorker
from edgevision.device.page.address import PageAddress
from edgevision.device.page.cropped import Cropped
from edgevision.device.page.opened import OpenPage, PageOptions, open_page
from edgevision.device.page.shared_model import SharedModel
from edgevision.device.stream.control import LoopControl
from edgevision.device.stream.protocols import Predictor, Source
from edgevision.device.telemetry.run_stats import RunStats

from edgevision import default_model, open_model
from edgevision.engines.interpreter import available_cpus
from edgevision.errors import MissingDependency
from edgevision.model import Model
from edgevision.types import Frame, Label, Prediction

T = TypeVar("T")
Watch = Callable[[Stop], None]
CASES = ["all", "down", "full", "hanging", "dying", "viewers"]
VIEWERS = """
import sys, threading, urllib.request
def watch():
    stream = urllib.request.urlopen(sys.argv[1])
    while stream.read(65536): pass
for _ in range(int(sys.argv[2])): threading.Thread(target=watch).start()
"""
"""A program that reads the stream of the page several times at once: one, since starting many would slow the loop itself."""
COUNTED = ("offered", "delivered", "replaced", "refused", "written", "dropped")
LIMITS = {"all": 0.95}
LIMIT_FAILING = 0.9
WARM_S = 1.0
"""Connecting to everything at the start does not count."""
PERIOD_FRAMES = 30
SAMPLE_S = 2.0
SHOW_EVERY = 30
"""Samples of memory of which one is printed: one a minute."""
GROWTH_MB = 2.0
"""Largest growth of the memory in the last third of a soak, by the line through its samples."""
OVER = Event()


@dataclass
class Block:
    """What one run of the loop measured."""

    rate_fps: float
    cpu_ms: float
    """Processor time of the whole process per frame."""
    write_ms: float
    """p50 of the time that the loop's thread spent on outputs."""
    write_p99_ms: float
    counts: dict[str, Counts]


@dataclass
class Counts:
    """Items of one output."""

    offered: int
    delivered: int
    refused: int
    replaced: int
    written: int
    dropped: int

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.offered == self.delivered + self.refused + self.replaced


class Scene(Predictor):
    """Runs the real model; in place of its answer, a label comes and goes. Requests the end after some seconds."""

    def __init__(self, model: Predictor, stop: Stop, seconds: float) -> None:
        self._model, self._stop, self._seconds = model, stop, seconds
        self._count = self._warm = 0
        self._first = 0.0
        self._begun = self._ended = (0.0, 0.0)

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        """Return the model's prediction with other labels."""
        found = self._model.predict(image, top, threshold)
        self._count += 1
        self._ended = (perf_counter(), process_time())
        self._first = self._first or self._ended[0]
        if self._ended[0] - self._first < WARM_S:
            self._begun, self._warm = self._ended, self._count
        elif self._ended[0] - self._begun[0] >= self._seconds:
            self._stop.request()
        there = self._count // PERIOD_FRAMES % 2
        return replace(found, labels=(Label(1, "cat", 0.9),) if there else ())

    @property
    def rate_fps(self) -> float:
        """Predictions per second."""
        return (self._count - self._warm) / (self._ended[0] - self._begun[0])

    @property
    def cpu_ms(self) -> float:
        """Processor time of this process per frame."""
        return 1e3 * (self._ended[1] - self._begun[1]) / (self._count - self._warm)


def measure(
    model: Model,
    source: str,
    seconds: float,
    specs: Sequence[str],
    *,
    viewers: int = 0,
    watch: Watch | None = None,
) -> Block:
    """Run the loop once, with the live page if there are outputs. ``watch`` is called before it starts."""
    configs = [parse_spec(spec) for spec in specs]
    stats, control, stop = RunStats(), LoopControl(), Stop()
    camera: Source = open_camera(source)
    predictor: Predictor = model
    sinks = open_outputs(configs, "bench", model.card, camera, stats, control)
    pages: list[OpenPage] = []
    if specs:
        shared, camera = SharedModel(model), Cropped(camera, control)
        options = PageOptions(address=PageAddress("127.0.0.1", 0), state=Path(os.environ["STATE_DIRECTORY"]))
        pages = [open_page(options, shared, camera, stats, control)]
        predictor = shared
    scene = Scene(predictor, stop, seconds)
    decider = TemporalFilter("classification", threshold=0.5)
    if watch is not None:
        watch(stop)
    with watched(pages, viewers):
        summary = run(camera, scene, [*sinks, *pages], stop=stop, measures=stats, control=control, decider=decider)
    spread = summary.stages_ms["write"]
    counts = {config.kind: counts_of(sink) for sink, config in zip(sinks, configs, strict=True)}
    return Block(scene.rate_fps, scene.cpu_ms, spread["p50"] or 0.0, spread["p99"] or 0.0, counts)


@contextmanager
def watched(pages: Sequence[OpenPage], viewers: int) -> Iterator[None]:
    """Read the stream of the page with some connections."""
    address = "".join(f"http://127.0.0.1:{page.port}/api/stream" for page in pages)
    command = [sys.executable, "-c", VIEWERS, address, str(viewers)]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL) if viewers else None
    try:
        yield
    finally:
        if child is not None:
            child.terminate()
            child.wait(10)


def counts_of(sink: OutputWorker) -> Counts:
    """Return the counts of a closed output."""
    return Counts(sink.offered, sink.delivered, sink.refused, sink.replaced, sink.written, sink.dropped)


class Place:
    """Everything that the outputs talk to: folders, a broker, a server that takes requests and one that hangs."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.missing: list[str] = []
        self.server = stack.enter_context(http_server(Answering))
        self.silent = stack.enter_context(http_server(Hanging))
        self.broker = stack.enter_context(mosquitto(folder))
        self.small = stack.enter_context(small_disk(folder / "small"))
        self._number = 0

    def specs(self, case: str) -> list[str]:
        """Return the outputs of a case, in a folder of their own. Raises Missing if the case cannot be measured."""
        self._number += 1
        folder = self.folder / str(self._number)
        folder.mkdir()
        os.environ["STATE_DIRECTORY"] = str(folder / "state")
        disk = folder
        if case == "full":
            disk = fill(require(self.small, "a tmpfs (not root?)"))
        found = {
            "jsonl": f"jsonl:{disk}/all.jsonl",
            "csv": f"csv:{disk}/all.csv",
            "snapshots": f"snapshots:{disk}/snapshots",
            "clips": f"clips:{disk}/clips",
            "exec": f"exec:{exec_command(folder, dying=case == 'dying')}",
            "metrics": f"metrics:{free_port()}",
            "mqtt": f"mqtt://127.0.0.1:{free_port() if case == 'down' else self.broker}/bench",
            "webhook": f"webhook:{self.silent if case == 'hanging' else self.server}",
        }
        if self.broker is None and case != "down":
            del found["mqtt"]
        needed = {"down": "mqtt", "hanging": "webhook"}.get(case)
        chosen = {kind: spec for kind, spec in found.items() if is_available(kind, spec)}
        require(needed is None or needed in chosen or None, str(needed))
        self.missing = sorted(set(found) - set(chosen) | ({"mqtt"} - set(chosen)))
        return list(chosen.values())

    def lines_of_exec(self) -> int:
        """Return the number of lines that the program of the last block received."""
        return count_lines(self.folder / str(self._number) / "exec.jsonl")

    def lines_of_jsonl(self) -> int:
        """Return the number of lines in the file of the last block."""
        return count_lines(self.folder / str(self._number) / "all.jsonl")


class Missing(Exception):
    """Raised for a case that cannot be measured here."""


def require(value: T | None, what: str) -> T:
    """Return a value, which must not be None. Raises Missing."""
    if value is None:
        raise Missing(f"needs {what}")
    return value


def is_available(kind: str, spec: str) -> bool:
    """Return whether an output exists and has its libraries."""
    if kind not in KINDS:
        return False
    try:
        require_libraries(parse_spec(spec))
    except MissingDependency:
        return False
    return True


def exec_command(folder: Path, *, dying: bool) -> str:
    """Return a program that stores its lines, or one that ends after each line."""
    script = "read line" if dying else f"cat >> {folder}/exec.jsonl"
    return f'sh -c "{script}"'


def count_lines(path: Path) -> int:
    """Return the number of lines of a file."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Answering(BaseHTTPRequestHandler):
    """Takes every request."""

    def do_POST(self) -> None:
        """Read the body and answer."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class Hanging(Answering):
    """Never answers."""

    def do_POST(self) -> None:
        """Wait until the benchmark ends."""
        OVER.wait(600)


@contextmanager
def http_server(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Yield the address of a server on the loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        OVER.set()
        server.shutdown()


@contextmanager
def mosquitto(folder: Path) -> Iterator[int | None]:
    """Yield the port of a real Mosquitto; None if it is not installed."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        yield None
        return
    port, config = free_port(), folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence false\n")
    child = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        child.terminate()
        child.wait(10)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Yield a file system of 2 MB; None where it cannot be mounted."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "bench", str(folder)], capture_output=True)
    if made.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True)


def fill(folder: Path) -> Path:
    """Fill a small file system to the last block."""
    with suppress(OSError), (folder / "filler").open("ab", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return folder


def compare(
    model: Model, source: str, seconds: float, blocks: int, cases: Sequence[str], viewers: int, place: Place
) -> bool:
    """Alternate blocks of all cases with a loop without outputs; print one line for each. Return whether all kept."""
    baseline: dict[str, list[Block]] = {case: [] for case in cases}
    measured: dict[str, list[Block]] = {case: [] for case in cases}
    skipped: dict[str, str] = {}
    measure(model, source, 1.0, place.specs("all"))  # imports libraries
    for number in range(blocks):
        for case in cases:
            try:
                specs = place.specs(case)
            except Missing as error:
                skipped[case] = str(error)
                continue
            order = [(baseline, list[str]()), (measured, specs)]
            for into, chosen in order if number % 2 else reversed(order):
                count = viewers if chosen and case == "viewers" else 0
                into[case].append(measure(model, source, seconds, chosen, viewers=count))
            if case == "all":
                check_received(measured[case][-1], place)
    print(f"not available: {', '.join(place.missing) or 'nothing'}")
    kept = [report(case, baseline[case], measured[case], source) for case in cases if case not in skipped]
    for case, why in skipped.items():
        print(f"{case}: not measured, {why}")
    return all(kept)


def check_received(block: Block, place: Place) -> None:
    """Compare what arrived with what was counted."""
    for kind, lines in (("jsonl", place.lines_of_jsonl()), ("exec", place.lines_of_exec())):
        if lines != block.counts[kind].written:
            raise SystemExit(f"{kind}: {lines} lines arrived, {block.counts[kind].written} were counted")


def report(case: str, without: Sequence[Block], with_outputs: Sequence[Block], source: str) -> bool:
    """Print the line of a case; return whether it kept to its limit and counted everything."""
    found = paired_ratio([one.rate_fps for one in with_outputs], [one.rate_fps for one in without], seed=0)
    limit = LIMITS.get(case, LIMIT_FAILING)
    paced = not source.endswith("fast")
    rates = [statistics.median(one.rate_fps for one in blocks) for blocks in (without, with_outputs)]
    cpu = [statistics.median(one.cpu_ms for one in blocks) for blocks in (without, with_outputs)]
    write = statistics.median(one.write_ms for one in with_outputs)
    write_p99 = statistics.median(one.write_p99_ms for one in with_outputs)
    kept = found.value >= limit or not paced
    print(
        f"{case}: {rates[1]:.1f} of {rates[0]:.1f} frames/s, ratio {found.value:.3f} ({found.low:.3f}..{found.high:.3f})"
        + (f", limit {limit} {'kept' if kept else 'NOT KEPT'}" if paced else "")
        + f"; processor {cpu[1]:.2f} of {cpu[0]:.2f} ms per frame; loop's thread p50 {write:.3f}, p99 {write_p99:.3f} ms"
    )
    complete = all(counts.complete for block in with_outputs for counts in block.counts.values())
    for kind in with_outputs[0].counts:
        total = [sum(getattr(block.counts[kind], name) for block in with_outputs) for name in COUNTED]
        print(f"  {kind}: " + ", ".join(f"{count} {name}" for name, count in zip(COUNTED, total, strict=True)))
    if not complete:
        print("  NOT EVERYTHING WAS COUNTED")
    return kept and complete


def soak(model: Model, source: str, minutes: float, place: Place) -> bool:
    """Run the loop with all outputs and print the memory over time; return whether it stayed flat."""
    samples: list[tuple[float, float]] = []

    def watch(stop: Stop) -> None:
        begun = perf_counter()

        def look() -> None:
            while not stop() and not OVER.wait(SAMPLE_S):
                samples.append(((perf_counter() - begun) / 60, resident_mb()))
                if len(samples) % SHOW_EVERY == 0:
                    print(f"  {samples[-1][0]:.1f} min: {samples[-1][1]:.1f} MB", flush=True)

        Thread(target=look, daemon=True).start()

    block = measure(model, source, minutes * 60, place.specs("all"), watch=watch)
    check_received(block, place)
    steady = [one for one in samples if one[0] >= minutes * 2 / 3]
    growth = statistics.linear_regression(*zip(*steady, strict=True)).slope * (steady[-1][0] - steady[0][0])
    low, high = min(mb for _, mb in steady), max(mb for _, mb in steady)
    kept = growth <= GROWTH_MB
    print(f"memory in the last {steady[-1][0] - steady[0][0]:.1f} of {minutes:g} min: {low:.1f}..{high:.1f} MB", end="")
    print(f", grew by {growth:+.1f} MB, limit {GROWTH_MB} MB {'kept' if kept else 'NOT KEPT'}")
    for kind, counts in block.counts.items():
        print(f"  {kind}: " + ", ".join(f"{getattr(counts, name)} {name}" for name in COUNTED))
    return kept and all(counts.complete for counts in block.counts.values())


def resident_mb() -> float:
    """Return the memory of this process in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> int:
    """Print one line for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", default="30", help="frames per second of the camera, or fast [default: 30]")
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a block [default: 5]")
    parser.add_argument("--cases", nargs="+", default=CASES, choices=CASES)
    parser.add_argument("--viewers", type=int, default=4, help="viewers of the page in their case [default: 4]")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="run all outputs for this time instead")
    options = parser.parse_args()
    source = f"test:1280x720@{options.rate}"
    print(f"{source}, {available_cpus()} processors, load {os.getloadavg()[0]:.1f}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = stack.enter_context(open_model(default_model.path(), engine="cpu", threads=1))
        place = Place(folder, stack)
        if options.soak:
            return 0 if soak(model, source, options.soak, place) else 1
        return (
            0 if compare(model, source, options.seconds, options.blocks, options.cases, options.viewers, place) else 1
        )


if __name__ == "__main__":
    sys.exit(main())
