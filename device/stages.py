"""The stages of the loop, in processing order."""

from __future__ import annotations

STAGES = ("read", "prepare", "infer", "decode", "write")
"""read: waiting for the frame; write: passing the result to all outputs."""
