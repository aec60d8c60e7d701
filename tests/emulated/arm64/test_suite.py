"""The project's own tests of what runs on a device, inside the userland."""

from __future__ import annotations

from pathlib import Path

from .userland import Userland

REPO = Path(__file__).resolve().parents[3]
FILES = ("preprocess", "pictures", "model")
"""Tests that stand on the machine: its arithmetic, its decoders, its runtime. Quick under emulation.

The runtime comes last: tflite-runtime, once loaded, makes its process round the smallest floats to zero, and then
hypothesis refuses to draw floats.
"""


def test_the_tests_of_the_runtime_pass_here(userland: Userland) -> None:
    files = [f"/repo/tests/test_{name}.py" for name in FILES]
    options = ("-q", "-p", "no:cacheprovider", "-c", "/repo/pyproject.toml", "--rootdir", "/repo")
    done = userland.run("-m", "pytest", *options, *files)
    passed = int(done.stdout.strip().splitlines()[-1].split(" passed")[0].split()[-1])
    assert passed >= 50, done.stdout
