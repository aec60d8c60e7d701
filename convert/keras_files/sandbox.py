"""Child processes that try a model file first, so that a file that crashes, hangs or fills the memory becomes one line.

A child is this Python running one of our modules; no shell is involved. It is reused for further files, ends with its
parent, and ends by itself when it has been idle for a while.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision import children, errors
from edgevision.errors import BadModel, EdgeVisionError, EngineError
from edgevision.log import Log

log = Log("edgevision.convert")
START_S = 300.0
"""Time limit for the start of a child in seconds; TensorFlow takes 4 s on an idle machine."""
IDLE_S = 20.0
"""Time in seconds after which an idle child ends; its parent tells it."""
POLL_S = 0.05
"""Interval in seconds at which the limits are checked."""
WALL_FACTOR = 4
"""How many times longer than its limit of processor time a step may take, on a busy machine or while it waits."""
MAX_ADDRESSES = 16 << 30
"""Limit of the child's address space in bytes; TensorFlow reserves several GiB."""
STEP, FAULT = "step", "fault"
"""Keys of the lines that a child writes: the step that begins, and at the end the error (class and message) or null."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one request."""

    seconds: Mapping[str, float]
    """Processor time of each step; the first one begins when the child has read the request."""
    memory: int
    """Memory in bytes that the child may take beside what it had before."""
    library: str
    """What reads the file, for messages."""


Report = Callable[[str], None]
"""Announces a step to the parent."""


class Worker:
    """A child process that tries files on request; started when it is first needed, and again after it has ended."""

    def __init__(self, module: str) -> None:
        """Name the module to run; it calls ``serve``."""
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the child, if it is not running, without waiting until it is ready."""
        with self._lock:
            self._running()

    def require(self, request: object, path: Path, limits: Limits) -> None:
        """Have the child try a file. Raises the error of the child, and BadModel if it crashes or exceeds the limits."""
        with self._lock:
            try:
                fault = self._try(request, path, limits)
            except _Ended:  # it was idle for too long just now
                fault = self._try(request, path, limits)
        if fault is not None:
            kind, message = fault
            raise getattr(errors, kind, BadModel)(message)

    def _try(self, request: object, path: Path, limits: Limits) -> tuple[str, str] | None:
        """Return the child's error, or None. A child that did not answer has ended on return."""
        process = self._running()
        answered = False
        try:
            fault = _Trial(process, path, limits).run(request)
            answered = True
        finally:
            if not answered:
                children.end(process)
                self._process = None
        return fault

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            children.end(self._process)
            self._process = None
        if self._process is None:
            self._process = _launch(self._module)
        return self._process


class _Ended(Exception):
    """The child ended before it read the request."""


class _Trial:
    """One request to a child."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path, limits: Limits) -> None:
        self._process, self._path, self._limits = process, path, limits
        self._memory = 0
        self._begin("", START_S)

    def run(self, request: object) -> tuple[str, str] | None:
        """Return the child's error, or None. Raises BadModel if it crashes or exceeds the limits."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        left = json.dumps(request).encode() + b"\n"
        with suppress(OSError):  # the child has ended, as the reader will notice
            while left:
                left = left[stdin.write(left) :]
        while True:
            ready, _, _ = select.select([stdout], [], [], POLL_S)
            if not ready:
                self._require_within_limits()
                continue
            line = stdout.readline()
            if not line:
                raise self._crash()
            said = json.loads(line)
            if FAULT in said:
                return None if said[FAULT] is None else (said[FAULT][0], said[FAULT][1])
            self._begin(said[STEP], self._limits.seconds[said[STEP]])

    def _begin(self, step: str, seconds: float) -> None:
        if not self._memory and step:
            self._memory = _resident(self._process.pid) + self._limits.memory
        self._step, self._seconds = step, seconds
        self._cpu = _cpu_seconds(self._process.pid) + seconds
        self._wall = time.monotonic() + (WALL_FACTOR * seconds if step else seconds)

    def _require_within_limits(self) -> None:
        if _cpu_seconds(self._process.pid) > self._cpu or time.monotonic() > self._wall:
            step = self._step or "starting"
            raise BadModel(f"{self._path}: {step} took longer than {self._seconds:.0f} s; corrupt or malicious file")
        if self._memory and _resident(self._process.pid) > self._memory:
            gigabytes = f"{self._limits.memory / 1e9:.1f} GB"
            raise BadModel(
                f"{self._path}: {self._step} took more than {gigabytes} of memory; corrupt or malicious file, or too large"
            )

    def _crash(self) -> Exception:
        """Return the error for a child that has ended."""
        status = self._process.wait()
        if not self._step and status == 0:
            return _Ended()
        if not self._step:
            return EngineError(f"the process that tries model files cannot start here ({how(status)})")
        return BadModel(f"{self._path}: {self._limits.library} crashed ({how(status)}); corrupt or malicious file")


def _launch(module: str) -> subprocess.Popen[bytes]:
    log.debug("starting a child process: %s", module)
    return children.start(
        children.module(module, str(IDLE_S)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,  # with a buffer, select would not see a second line
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},  # a GPU would not fit into the limits
    )


def _cpu_seconds(pid: int) -> float:
    """Return the processor time of a process; 0 where the system does not show it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _resident(pid: int) -> int:
    """Return the resident memory of a process in bytes; 0 where the system does not show it."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0


def serve(work: Callable[[Any, Report], None], prepare: Callable[[], object] = lambda: None) -> None:
    """In the child: answer requests until the parent closes the pipe or sends none for a while.

    ``work`` tries the file of a request and raises what is wrong with it; ``prepare`` imports the libraries.
    """
    children.die_with_parent()
    _within_bounds()
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints is not an answer

    def say(key: str, value: object) -> None:
        answers.write(json.dumps({key: value}).encode() + b"\n")

    prepare()
    requests, idle_s = sys.stdin.buffer, float(sys.argv[1])
    while select.select([requests], [], [], idle_s)[0]:
        line = requests.readline()
        if not line:
            break
        say(FAULT, _tried(work, json.loads(line), lambda step: say(STEP, step)))
    os._exit(0)  # a corrupt file may leave threads that never end


def _tried(work: Callable[[Any, Report], None], request: Any, report: Report) -> tuple[str, str] | None:
    """Return the class and the message of the error, or None."""
    try:
        work(request, report)
    except EdgeVisionError as error:
        return type(error).__name__, str(error)
    return None


def _within_bounds() -> None:
    """Limit the memory of this process and disable core dumps."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESSES, MAX_ADDRESSES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def how(status: int) -> str:
    """Describe how a child ended: signal name or exit status."""
    try:
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"
    except ValueError:
        return f"signal {-status}"
