"""The stages of the loop, in the order in which a frame passes them."""

from __future__ import annotations

STAGES = ("read", "prepare", "infer", "decode", "write")
"""read: the loop's wait for the frame; write: handing the result to all outputs."""
