"""Paths of the checkout, the tests and their helpers."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
HELPERS = TESTS / "helpers"
