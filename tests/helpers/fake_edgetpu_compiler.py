#!/usr/bin/env python3
"""Stand-in for Coral's edgetpu_compiler, a closed program that the tests do not have: it compiles nothing.

It writes a model with the inputs and outputs of the given one and a single edgetpu-custom-op, which only the fake library in
tests/delegate runs, and prints what the real compiler would. FAKE_EDGETPU_COMPILER selects what happens, one word for each run,
separated by spaces (the last one is used for all later runs): ok, partial, internal, activations, version, hang, crash,
nothing (maps no operator), other (another model). FAKE_EDGETPU_RUNS names a file to which each run appends its options.

The texts have the format of edgetpu_compiler 16.0 as its users published it; they were written for these tests.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "data")]

HEAD = "Edge TPU Compiler version 16.0.384591198\n"
TIMER = "Started a compilation timeout timer of 180 seconds.\n"
FAILED = "Compilation child process completed within timeout period.\nCompilation failed!\n"
INTERNAL = HEAD + "\nInternal compiler error. Aborting! \n"
ACTIVATIONS = f"""{HEAD}{TIMER}ERROR: Restored original execution plan after delegate application failure.
Compilation failed: Compilation failed due to large activation tensors in model.
{FAILED}"""
VERSION = f"""{HEAD}ERROR: Didn't find op for builtin opcode 'CONV_2D' version '6'. An older version might be supported.

ERROR: Registration failed.

Invalid model: model.tflite
Model could not be parsed
"""
DONE = """
Model compiled successfully in 63 ms.

Input model: {model}
Input size: 24.50KiB
Output model: {made}
Output size: 88.62KiB
On-chip memory used for caching model parameters: {on_chip}
On-chip memory remaining for caching model parameters: 7.71MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: {subgraphs}
Total number of operations: {total}
Operation log: model_edgetpu.log
See the operation log file for individual operation details.

Operator                       Count      Status

{rows}
Compilation child process completed within timeout period.
Compilation succeeded!
"""
ROW = "{:<30} {:<10} {}"
TPU = "Mapped to Edge TPU"
ON_CPU = "Operation is otherwise supported, but not mapped due to some unspecified limitation"


def main(arguments: list[str]) -> int:
    folder, model = Path(arguments[arguments.index("-o") + 1]), Path(arguments[-1])
    runs = Path(os.environ["FAKE_EDGETPU_RUNS"])
    number = len(runs.read_text().splitlines()) if runs.exists() else 0
    with runs.open("a") as stream:
        stream.write(" ".join(one for one in arguments[:-1] if one != str(folder)) + "\n")
    words = os.environ.get("FAKE_EDGETPU_COMPILER", "ok").split()
    word = words[min(number, len(words) - 1)]
    if word == "hang":
        time.sleep(60)
    if word == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    for name, text in (("internal", INTERNAL), ("activations", ACTIVATIONS), ("version", VERSION)):
        if word == name:
            print(text)
            return 1
    compile_for_tests(word, model, folder / "model_edgetpu.tflite")
    return 0


def compile_for_tests(word: str, model: Path, made: Path) -> None:
    """Write the stand-in for a compiled model, and print the log with all operators of the model."""
    from make_compiled import make

    from edgevision.tflite.graph import read_graph

    counts = [(one.name, one.count) for one in read_graph(model.read_bytes()).counts()]
    if word == "nothing":
        shutil.copyfile(model, made)
    else:
        made.write_bytes(make(ROOT / "tests" / "data" / "tiny.tflite" if word == "other" else model))
    rows = [ROW.format(name, count, ON_CPU if word == "nothing" else TPU) for name, count in counts]
    if word == "partial":
        rows[0] = ROW.format(counts[0][0], counts[0][1], "More than one subgraph is not supported")
    parts, on_chip = (0, "0.00B") if word == "nothing" else (1, "21.25KiB")
    total = sum(count for _, count in counts)
    table = "\n".join(rows)
    print(HEAD + TIMER + DONE.format(model=model, made=made, on_chip=on_chip, subgraphs=parts, total=total, rows=table))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
