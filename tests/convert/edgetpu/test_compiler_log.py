"""Logs of the Edge TPU's compiler: those of 2.1 to 16.0, failures, and any other text.

The logs have the format of what users of the compiler published; they were written for these tests.
"""

from __future__ import annotations

import pytest
from edgevision.convert.edgetpu.compiler_log import parse_log
from hypothesis import given
from hypothesis import strategies as st

OLD = """Edge TPU Compiler version 2.1.302470888

Model compiled successfully in 9120 ms.

Input model: traffic.tflite
Input size: 8.30MiB
Output model: traffic_edgetpu.tflite
Output size: 9.12MiB
On-chip memory used for caching model parameters: 6.50MiB
On-chip memory remaining for caching model parameters: 7.75KiB
Off-chip memory used for streaming uncached model parameters: 1.25MiB
Number of Edge TPU subgraphs: 1
Total number of operations: 40
Operation log: traffic_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU.
Number of operations that will run on Edge TPU: 34
Number of operations that will run on CPU: 6

Operator                       Count      Status

LOGISTIC                       1          More than one subgraph is not supported
ADD                            10         Mapped to Edge TPU
QUANTIZE                       1          Operation is otherwise supported, but not mapped due to some unspecified limitation
QUANTIZE                       4          Mapped to Edge TPU
TRANSPOSE                      3          Operation not supported
CONV_2D                        20         Mapped to Edge TPU
CUSTOM                         1          Operation is working on an unsupported data type
"""
SEARCHED = """Edge TPU Compiler version 16.0.384591198
Searching for valid delegate with step 20
Try to compile segment with 40 ops
Started a compilation timeout timer of 600 seconds.
ERROR: Restored original execution plan after delegate application failure.
Compilation failed: Compilation failed due to large activation tensors in model.
Compilation child process completed within timeout period.
Compilation failed!
Try to compile segment with 20 ops
Intermediate tensors: block_7/add
Started a compilation timeout timer of 600 seconds.

Model compiled successfully in 512 ms.

On-chip memory used for caching model parameters: 512.00B
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1

Operator                       Count      Status

CONV_2D                        15         Mapped to Edge TPU
CONV_2D                        25         Intermediate tensors are specified, so not mapped
Compilation child process completed within timeout period.
Compilation succeeded!
"""


def test_table_has_where_and_why() -> None:
    found = parse_log(OLD)
    assert found.version == "2.1.302470888" and found.subgraphs == 1
    assert (found.on_chip_bytes, found.off_chip_bytes) == (round(6.5 * 2**20), round(1.25 * 2**20))
    assert found.mapped == 34 / 40
    assert [(one.name, one.count) for one in found.operators if not one.edgetpu] == [
        ("LOGISTIC", 1),
        ("QUANTIZE", 1),
        ("TRANSPOSE", 3),
        ("CUSTOM", 1),
    ]
    assert found.operators[4].reason == "Operation not supported" and found.operators[1].reason is None


def test_last_try_of_a_search_counts() -> None:
    found = parse_log(SEARCHED)
    assert found.mapped == 15 / 40 and found.on_chip_bytes == 512 and not found.timed_out


@pytest.mark.parametrize(
    ("lines", "problem", "timed_out"),
    [
        ("Internal compiler error. Aborting! ", "Internal compiler error. Aborting!", False),
        ("ERROR: Attempting\nCompilation failed: Model failed in Tflite.", "Model failed in Tflite.", False),
        ("ERROR: Didn't find op for 'EXP' version '2'.\nInvalid model: m", "Didn't find op for 'EXP' version '2'.", False),
        ("Model not quantized", "Model not quantized", False),
        ("Started a compilation timeout timer of 180 seconds.\nCompilation timed out.", None, True),
        ("Started a compilation timeout timer of 180 seconds.\nCompilation failed! ", None, False),
    ],
)  # fmt: skip
def test_failures_are_named(lines: str, problem: str | None, timed_out: bool) -> None:
    found = parse_log(f"Edge TPU Compiler version 16.0.384591198\n{lines}\n")
    assert (found.problem, found.timed_out, found.mapped) == (problem, timed_out, None)


@given(st.lists(st.sampled_from([*OLD.splitlines(), *SEARCHED.splitlines()]) | st.text()).map("\n".join))
def test_any_text_is_read(text: str) -> None:
    found = parse_log(text)
    assert found.mapped is None or 0 <= found.mapped <= 1
    assert all(one.reason is None or one.reason.isprintable() for one in found.operators)
