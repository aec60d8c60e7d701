"""A fake camera and engine with scripted faults, to test a loop or an alarm without waiting for a real fault.

A script is a comma-separated list of steps, each optionally repeated: ``ok*30,slow,frozen*5,lost``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from itertools import chain, repeat
from typing import TYPE_CHECKING

import numpy as np

from edgevision.errors import BadInput, CameraGone, CameraLost, EngineError, nearest
from edgevision.types import Frame

from ..cameras.backends.pattern import PatternReader
from ..cameras.wrappers.reconnect import Reopening
from ..stream.events import Unreadable
from ..stream.request import ANY, CaptureRequest
from ..system.clock import SYSTEM, Clock

if TYPE_CHECKING:
    from edgevision.types import Tensor, TensorSpec

CAMERA_STEPS = ("ok", "slow", "frozen", "garbled", "wrong_size", "unreadable", "lost")
"""slow: SLOW_S late; frozen: the previous pixels again as new; garbled: noise in the lower half; wrong_size: half the
width and height; unreadable: an error in place of a frame; lost: CameraLost, final if it is the last step."""
ENGINE_STEPS = ("ok", "slow", "error")
"""slow: SLOW_S late; error: EngineError."""
SLOW_S = 1.0
SIZE = (640, 480)
_MAX_REPEAT = 1_000_000


def parse_script(text: str, steps: Sequence[str]) -> list[str]:
    """Parse ``ok*2,lost`` into ["ok", "ok", "lost"]. Raises BadInput."""
    found: list[str] = []
    for part in text.split(","):
        name, star, count = (piece.strip() for piece in part.partition("*"))
        if name not in steps:
            raise BadInput(
                f"unknown script step {name!r}{nearest(name, list(steps))}; available steps: {', '.join(steps)}"
            )
        if star and not (count.isdecimal() and 1 <= int(count) <= _MAX_REPEAT):
            raise BadInput(
                f"invalid repeat count {count!r} of step {name!r}: use 1 to {_MAX_REPEAT}, such as {name}*30"
            )
        found.extend([name] * (int(count) if star else 1))
    return found


class FakeCamera:
    """Delivers one item per step of its script, then ends. Drops nothing."""

    dropped = 0
    freeze_timeout_s = 1.0
    may_repeat = False

    def __init__(
        self,
        script: str,
        *,
        live: bool = True,
        size: tuple[int, int] = SIZE,
        fps: float | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        """``size``: (width, height). ``fps``: frames per second; None: as fast as it is read. Raises BadInput."""
        self.spec = self.identity = f"fake:{script}"
        self.live = live
        self.description = "a fake camera with scripted faults"
        self.closed = False
        self._steps = deque(parse_script(script, CAMERA_STEPS))
        self._reader = PatternReader(self.spec, *size, fps, clock)
        self._clock = clock
        self._last: Frame | None = None

    def __iter__(self) -> Iterator[Frame | Unreadable]:
        """Yield frames as scripted. Raises CameraLost at ``lost``."""
        index = 0
        while self._steps and not self.closed:
            yield self._item(index, self._steps.popleft())
            index += 1

    def close(self) -> None:
        """End the iteration."""
        self.closed = True

    def again(self) -> FakeCamera:
        """Return the same camera reopened: its script continues after the loss."""
        found = copy(self)
        found.closed = False
        return found

    def _item(self, index: int, step: str) -> Frame | Unreadable:
        if step == "lost":
            raise (CameraLost if self._steps else CameraGone)(f"{self.spec} is lost, as scripted")
        if step == "slow":
            self._clock.sleep(SLOW_S)
        frame = replace(self._reader.read(), captured_at=self._clock.monotonic() if self.live else None)
        if step == "unreadable":
            return Unreadable(index, self.spec, "unreadable, as scripted")
        if step == "frozen" and self._last is not None:
            frame = replace(frame, pixels=self._last.pixels)
        elif step == "garbled":
            _spoil(frame, index)
        elif step == "wrong_size":
            frame = replace(frame, pixels=np.ascontiguousarray(frame.pixels[::2, ::2]))
        self._last = frame
        return frame


class FakeEngine:
    """Returns outputs without a model. The last step of its script repeats forever."""

    def __init__(
        self,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        script: str = "ok",
        answer: Callable[[Tensor], list[Tensor]] | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        """``answer``: input tensor -> output tensors; None: each class in turn gets the maximum score."""
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.runtime, self.version, self.threads = "fake", "0", 1
        self.calls = 0
        self.closed = False
        steps = parse_script(script, ENGINE_STEPS)
        self._steps = chain(steps, repeat(steps[-1]))
        self._answer = answer or self._in_turn
        self._clock = clock

    def infer(self, tensor: Tensor) -> list[Tensor]:
        """Return outputs, or raise EngineError, as scripted."""
        step = next(self._steps)
        self.calls += 1
        if step == "slow":
            self._clock.sleep(SLOW_S)
        if step == "error":
            raise EngineError(f"the fake engine failed at call {self.calls}, as scripted")
        return self._answer(tensor)

    def close(self) -> None:
        """Record that it was closed."""
        self.closed = True

    def _in_turn(self, _: Tensor) -> list[Tensor]:
        answers: list[Tensor] = []
        for spec in self.outputs:
            values = np.zeros(spec.shape, spec.dtype)
            full = np.iinfo(spec.dtype).max if np.issubdtype(values.dtype, np.integer) else 1.0
            values.reshape(-1)[(self.calls - 1) % values.size] = full
            answers.append(values)
        return answers


class FakeFirmware:
    """Throttling bits as from the firmware of a Raspberry Pi, in turn; the last value repeats forever."""

    def __init__(self, *bits: int | None) -> None:
        """``bits``: see ``throttling``; 0x50005 is under-voltage now and since boot; None: not available."""
        self._bits = chain(bits, repeat(bits[-1]))

    def __call__(self) -> int | None:
        """Return the next bits."""
        return next(self._bits)


def open_fake(spec: str, clock: Clock = SYSTEM, wanted: CaptureRequest = ANY) -> Reopening:
    """Open ``fake:ok*30,lost,ok*30``: a live camera at 30 frames per second with scripted faults. Raises BadInput."""
    camera = FakeCamera(spec.partition(":")[2] or "ok", fps=wanted.fps or 30.0, clock=clock, size=wanted.size or SIZE)
    return Reopening(camera, camera.again, clock)


def _spoil(frame: Frame, seed: int) -> None:
    lower = frame.pixels[frame.height // 2 :]
    lower[:] = np.random.default_rng(seed).integers(0, 256, lower.shape, np.uint8)
