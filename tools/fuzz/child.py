"""One fuzz target in a process of its own, which a hostile input may end: python -m tools.fuzz.child TARGET FOLDER SECONDS

New inputs are collected in ``FOLDER/corpus/TARGET``, findings in ``FOLDER/findings/TARGET``: each input with a .txt beside it.
Inputs that end the process (crash, hang, memory) are saved there by libFuzzer.
"""

from __future__ import annotations

import hashlib
import logging
import sys
import tempfile
from pathlib import Path

import atheris

from .json_mutator import mutate
from .outcome import Finding, check
from .registry import BY_NAME, Target

HANG_FACTOR = 3
"""An input hangs if it takes that many times the allowed time; libFuzzer then ends the process."""
MEMORY_MB = 2048
MAX_FINDINGS = 20
"""Different findings after which a target stops."""


class Recorder:
    """Runs inputs and saves one input for each kind of finding; the process goes on."""

    def __init__(self, target: Target, findings: Path, folder: Path) -> None:
        self._reader, self._max_seconds = target.reader(), target.max_seconds
        self._findings, self._folder = findings, folder
        self._known: set[str] = set()

    def warm_up(self, data: bytes) -> None:
        """Run an input without recording what it finds; libFuzzer runs it again."""
        check(self._reader, data, self._folder, self._max_seconds)

    def run(self, data: bytes) -> None:
        """Run one input."""
        finding = check(self._reader, data, self._folder, self._max_seconds)
        if finding is not None and finding.place not in self._known:
            self._known.add(finding.place)
            self._save(finding, data)
            if len(self._known) >= MAX_FINDINGS:
                raise RuntimeError(f"more than {MAX_FINDINGS} different findings")

    def _save(self, finding: Finding, data: bytes) -> None:
        name = hashlib.sha256(finding.place.encode()).hexdigest()[:12]
        (self._findings / f"{name}.input").write_bytes(data)
        (self._findings / f"{name}.txt").write_text(
            f"{finding.place}\n\n{finding.detail}\n", "utf-8", "backslashreplace"
        )


def main(name: str, folder: Path, seconds: int) -> None:
    """Fuzz a target; libFuzzer ends the process."""
    target = BY_NAME[name]
    corpus, findings = folder / "corpus" / name, folder / "findings" / name
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    logging.disable()
    files = Path(tempfile.mkdtemp())  # removed by the process that started this one
    with atheris.instrument_imports(include=["edgevision"], enable_loader_override=False):
        recorder = Recorder(target, findings, files)
        for seed in sorted(target.corpus.iterdir()):  # imports what the readers import late, which takes time
            recorder.warm_up(seed.read_bytes())
    line = [
        "fuzz",
        f"-max_total_time={seconds}",
        f"-timeout={HANG_FACTOR * target.max_seconds:.0f}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={target.max_bytes}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
        "-report_slow_units=1000",  # check() looks at the time of each input
        str(corpus),
        str(target.corpus),
    ]
    atheris.Setup(line, recorder.run, **_mutators(target))
    atheris.Fuzz()


def _mutators(target: Target) -> dict[str, object]:
    if not target.json:
        return {}
    return {"custom_mutator": lambda data, longest, seed: mutate(data, seed, longest, atheris.Mutate)}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
