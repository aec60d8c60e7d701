"""Runs edgetpu_compiler: where it is, what it is asked for, and how often.

It is tried again where its users saw that help: after an internal error, which the same command may not have, and after
a failure with smaller parts (``--search_delegate``). A model that it cannot read gives the same answer each time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision import children
from edgevision.errors import MissingDependency, one_line
from edgevision.files.scratch import scratch_folder
from edgevision.log import Log

from .compiler_log import CompilerLog, parse_log

log = Log("edgevision.convert")
PROGRAM = "edgetpu_compiler"
VARIABLE = "EDGEVISION_EDGETPU_COMPILER"
"""Environment variable with the path of another compiler, such as a script that runs it in a container."""
SEARCH_SINCE = 16
"""First version with a time limit and the search for smaller parts."""
SEARCH_STEPS = 16
"""Number of sizes that the search tries at most."""
SEARCH_TIMEOUT_S = 600
"""Time limit of the compiler for each of them; its own is 180 s."""
TIMEOUT_S = 1800.0
"""Time after which a run is ended from here."""
FINAL = (
    "Didn't find op",
    "Registration failed",
    "Model not quantized",
    "Invalid model",
    "failed in Tflite interpreter",
)
"""Problems of the model, which another run has again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of the compiler."""

    options: tuple[str, ...]
    """Options that it was given besides the usual ones."""
    flatbuffer: bytes | None
    """What it made; None if it failed."""
    log: CompilerLog
    problem: str | None
    """Why it failed; None if it did not."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values, without the model."""
        return {"options": list(self.options), "ok": self.flatbuffer is not None, "problem": self.problem}


def find_compiler() -> Path:
    """Return the path of the compiler. Raises MissingDependency."""
    named = os.environ.get(VARIABLE)
    found = shutil.which(named or PROGRAM)
    if found is not None:
        return Path(found).resolve()
    if named:
        raise MissingDependency(f"{VARIABLE} is {named}, which is not a program; name edgetpu_compiler, or unset it")
    raise MissingDependency(
        f"{PROGRAM} is not installed, and --edgetpu needs it; get it from Coral (x86-64 Linux only: "
        "coral.ai/docs/edgetpu/compiler), or leave --edgetpu out: the report says whether the model is ready"
    )


def compile_model(program: Path, flatbuffer: bytes, operators: int) -> list[Attempt]:
    """Compile a model, with up to three attempts; the last one counts. ``operators``: their number in the model."""
    attempts = [run_once(program, flatbuffer)]
    while (options := _next_options(attempts, operators)) is not None:
        log.info("edgetpu_compiler failed: %s; trying again %s", attempts[-1].problem, " ".join(options))
        attempts.append(run_once(program, flatbuffer, options))
    return attempts


def _next_options(attempts: list[Attempt], operators: int) -> tuple[str, ...] | None:
    """Return the options of the next attempt; None if there is none."""
    last, searched = attempts[-1], any(attempt.options for attempt in attempts)
    said = last.problem or ""
    if last.flatbuffer is not None or searched or any(one in said for one in FINAL):
        return None
    if len(attempts) == 1 and not last.log.timed_out and last.log.problem in (None, _INTERNAL):
        return ()
    if _major(last.log.version) < SEARCH_SINCE:
        return None
    step = max(1, -(-operators // SEARCH_STEPS))
    return ("-d", "-k", str(step), "-t", str(SEARCH_TIMEOUT_S))


_INTERNAL = "Internal compiler error. Aborting!"


def _major(version: str | None) -> int:
    number = (version or "").partition(".")[0]
    return int(number) if number.isascii() and number.isdigit() else 0


def run_once(program: Path, flatbuffer: bytes, options: tuple[str, ...] = (), timeout_s: float = TIMEOUT_S) -> Attempt:
    """Run the compiler in a folder of its own."""
    with scratch_folder() as folder:
        (folder / "model.tflite").write_bytes(flatbuffer)
        command = [str(program), "-s", "-o", str(folder), *options, str(folder / "model.tflite")]
        log.debug("running %s", " ".join(command))
        try:
            done = children.run(command, timeout_s, cwd=folder, stderr=subprocess.STDOUT)
        except subprocess.TimeoutExpired:
            return _failed(options, parse_log(""), f"no answer within {timeout_s:g} s")
        except OSError as error:
            return _failed(options, parse_log(""), f"{program} cannot be run: {error.strerror or error}")
        text = done.stdout.decode("utf-8", "replace")
        found = parse_log(text)
        made = folder / "model_edgetpu.tflite"
        if done.returncode == 0 and made.is_file():
            return Attempt(options, made.read_bytes(), found, None)
        return _failed(options, found, _reason(found, done.returncode, text))


def _failed(options: tuple[str, ...], found: CompilerLog, problem: str) -> Attempt:
    return Attempt(options, None, found, problem)


def _reason(found: CompilerLog, status: int, text: str) -> str:
    if found.timed_out:
        return "it reached its time limit"
    if found.problem is not None:
        return found.problem
    if status < 0:
        return f"it was ended by signal {-status}"
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    return one_line(f"it ended with exit status {status}, last saying {last.strip()[:200]!r}")
