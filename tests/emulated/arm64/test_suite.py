"""The project's own tests of device code, run inside the userland."""

from __future__ import annotations

from pathlib import Path

from .userland import Userland

REPO = Path(__file__).resolve().parents[3]
FILES = ("preprocessing/test_transform", "preprocessing/test_decode", "test_model")
"""Tests that depend on the machine: its arithmetic, decoders and runtime. Fast under emulation.

The runtime comes last: once loaded, tflite-runtime makes its process flush denormals to zero, and hypothesis then
refuses to generate floats.
"""


def test_device_tests_pass_in_the_userland(userland: Userland) -> None:
    files = [f"/repo/tests/edgevision/{name}.py" for name in FILES]
    options = ("-q", "-p", "no:cacheprovider", "-c", "/repo/pyproject.toml", "--rootdir", "/repo")
    done = userland.run("-m", "pytest", *options, *files)
    passed = int(done.stdout.strip().splitlines()[-1].split(" passed")[0].split()[-1])
    assert passed >= 50, done.stdout
