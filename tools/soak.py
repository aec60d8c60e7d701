"""Run the loop for a long time and check from outside that memory, threads and open files do not grow.

    python tools/soak.py --minutes 60 [--source test:fast] [MODEL.tflite]

The loop runs in a separate process at full speed, with smoothing and events, and its JSON lines are discarded. Its
resident memory, threads and open files are read from /proc once a second. The first fifth is warm-up. For the rest, a
line is fitted through the means of 20 equal parts; its slope times the duration is the growth, with the 95 % interval of
Student's t at 18 degrees of freedom. The check fails if the interval is above zero and the growth exceeds NOISE_MB (one
step of the allocator), or if threads or open files grew. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PARTS = 20
T_95 = 2.101
"""Student's t, 18 degrees of freedom, two-sided 95 %."""
WARM = 0.2
NOISE_MB = 0.5
STEP_S = 1.0


@dataclass(frozen=True)
class Sample:
    """Resources of the process at one moment."""

    at_s: float
    memory_mb: float
    threads: int
    files: int


@dataclass(frozen=True)
class Verdict:
    """Result of the check, for the time after warm-up."""

    seconds: float
    samples: int
    first_mb: float
    last_mb: float
    growth_mb: float
    growth_low_mb: float
    growth_high_mb: float
    growth_mb_per_hour: float
    threads: tuple[int, int]
    """Number at the start and maximum; likewise ``files``."""
    files: tuple[int, int]
    good: bool


def judge(samples: Sequence[Sample]) -> Verdict:
    """Fit a line through the memory after warm-up. Raises ValueError for fewer samples than parts."""
    kept = samples[int(len(samples) * WARM) :]
    if len(kept) < PARTS:
        raise ValueError(f"{len(samples)} samples are too few; run for at least one minute")
    parts = [kept[n * len(kept) // PARTS : (n + 1) * len(kept) // PARTS] for n in range(PARTS)]
    times = [sum(s.at_s for s in part) / len(part) for part in parts]
    memory = [sum(s.memory_mb for s in part) / len(part) for part in parts]
    slope, error = _line(times, memory)
    seconds = kept[-1].at_s - kept[0].at_s
    low, high = ((slope - T_95 * error) * seconds, (slope + T_95 * error) * seconds)
    threads = (kept[0].threads, max(s.threads for s in kept))
    files = (kept[0].files, max(s.files for s in kept))
    grows = low > 0 and slope * seconds > NOISE_MB
    return Verdict(
        seconds=round(seconds, 1),
        samples=len(kept),
        first_mb=round(memory[0], 3),
        last_mb=round(memory[-1], 3),
        growth_mb=round(slope * seconds, 4),
        growth_low_mb=round(low, 4),
        growth_high_mb=round(high, 4),
        growth_mb_per_hour=round(slope * 3600, 4),
        threads=threads,
        files=files,
        good=not grows and threads[0] == threads[1] and files[0] == files[1],
    )


def _line(times: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Return the slope of the least-squares line and its standard error."""
    n = len(times)
    middle_t, middle_v = sum(times) / n, sum(values) / n
    spread = sum((t - middle_t) ** 2 for t in times)
    slope = sum((t - middle_t) * (v - middle_v) for t, v in zip(times, values, strict=True)) / spread
    rest = sum((v - middle_v - slope * (t - middle_t)) ** 2 for t, v in zip(times, values, strict=True))
    return slope, (rest / (n - 2) / spread) ** 0.5


def look(pid: int, at_s: float) -> Sample:
    """Read the resources of a process from /proc."""
    folder = Path("/proc") / str(pid)
    pages = int((folder / "statm").read_text().split()[1])
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    files = len(list((folder / "fd").iterdir()))
    return Sample(at_s, pages * os.sysconf("SC_PAGE_SIZE") / 1e6, int(status["Threads"]), files)


def soak(command: Sequence[str], seconds: float) -> list[Sample]:
    """Run a command for some seconds and sample it. Raises RuntimeError if it ends early."""
    samples: list[Sample] = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        begun = time.monotonic()
        try:
            while (now := time.monotonic() - begun) < seconds:
                if child.poll() is not None:
                    raise RuntimeError(f"the loop ended early after {now:.0f} s, with exit status {child.returncode}")
                if now >= STEP_S:
                    samples.append(look(child.pid, now))
                time.sleep(STEP_S)
        finally:
            child.terminate()
            child.wait(30)
    return samples


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="a .tflite; default: the bundled model")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--source", default="test:fast")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args()
    model = [options.model] if options.model else []
    command = [sys.executable, "-m", "edgevision", "run", *model, "--source", options.source]
    command += ["--json", "--events", "--smooth", "5", "--quiet"]
    verdict = judge(soak(command, options.minutes * 60))
    if options.json:
        print(json.dumps(asdict(verdict)))
    else:
        interval = f"{verdict.growth_low_mb:+.3f} to {verdict.growth_high_mb:+.3f}"
        print(
            f"{'no growth' if verdict.good else 'GROWTH'}: {verdict.growth_mb:+.3f} MB ({interval}) in {verdict.seconds:.0f} s "
            f"at {verdict.last_mb:.1f} MB, {verdict.growth_mb_per_hour:+.2f} MB per hour; threads {verdict.threads[0]} at the "
            f"start, at most {verdict.threads[1]}; open files {verdict.files[0]}, at most {verdict.files[1]}"
        )
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
