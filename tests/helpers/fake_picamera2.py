"""Fake of apt's picamera2, following its documentation: requests are adjusted, and can be read back."""

from __future__ import annotations

import threading
import time
import types
from dataclasses import dataclass, field
from typing import Any

import numpy as np

COLOR_RGB = (200, 120, 40)
"""Color of the whole scene; noise changes only the first pixel."""


@dataclass
class Machine:
    """The cameras of a machine, and how its image processor adjusts requests."""

    cameras: list[dict[str, Any]] = field(
        default_factory=lambda: [camera("imx219", "/base/soc/i2c0mux/i2c@1/imx219@10")]
    )
    sensor_resolution: tuple[int, int] = (3280, 2464)
    format: str | None = None
    """Format granted instead of the requested one."""
    lores_format: str | None = None
    lores_size: tuple[int, int] | None = None
    padding: int = 0
    """Padding bytes at the end of each row."""
    refuses: tuple[str, ...] = ()
    """Configuration keys that are rejected: lores, sensor."""
    fault: str = ""
    """Why no camera can be opened."""
    frames: int | None = None
    """Number of frames to deliver; None: unlimited."""
    boottime_ahead_s: float = 0.0
    released: int = 0
    captured: int = 0
    closed: int = 0
    configured: list[dict[str, Any]] = field(default_factory=list)
    broken_metadata: bool = False

    def module(self) -> types.ModuleType:
        """Return a module for sys.modules."""
        module = types.ModuleType("picamera2")
        machine = self

        class Picamera2(_Picamera2):
            def __init__(self, camera_num: int = 0) -> None:
                super().__init__(machine, camera_num)

            @staticmethod
            def global_camera_info() -> list[dict[str, Any]]:
                return machine.cameras

        module.Picamera2 = Picamera2  # type: ignore[attr-defined]
        module.__spec__ = types.SimpleNamespace(name="picamera2")  # type: ignore[assignment]
        return module


def camera(model: str, identity: str) -> dict[str, Any]:
    return {"Model": model, "Location": 2, "Rotation": 180, "Id": identity, "Num": 0}


class _Picamera2:
    def __init__(self, machine: Machine, number: int) -> None:
        if machine.fault:
            raise RuntimeError("Camera __init__ sequence did not complete.") from RuntimeError(machine.fault)
        self.machine = machine
        self.camera = types.SimpleNamespace(id=machine.cameras[number]["Id"])
        self.sensor_resolution = machine.sensor_resolution
        self._config: dict[str, Any] = {}
        self._cancelled = threading.Event()

    def create_video_configuration(self, controls: dict[str, Any], **streams: Any) -> dict[str, Any]:
        for word in self.machine.refuses:
            if word in streams:
                raise RuntimeError(f"{word} stream must be YUV\nand more")
        return {"controls": controls, **streams}

    def configure(self, config: dict[str, Any]) -> None:
        self.machine.configured.append(config)
        machine = self.machine
        self._config = {"main": self._adjusted(config["main"], machine.format, None)}
        if "lores" in config:
            self._config["lores"] = self._adjusted(config["lores"], machine.lores_format, machine.lores_size)

    def _adjusted(self, stream: dict[str, Any], name: str | None, size: tuple[int, int] | None) -> dict[str, Any]:
        name, size = name or stream["format"], size or stream["size"]
        depth = {"RGB888": 3, "BGR888": 3, "XBGR8888": 4, "XRGB8888": 4}.get(name, 1)
        return {"format": name, "size": size, "stride": size[0] * depth + self.machine.padding}

    def camera_configuration(self) -> dict[str, Any]:
        return self._config

    def set_controls(self, controls: dict[str, Any]) -> None:
        pass

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def close(self) -> None:
        self.machine.closed += 1

    def cancel_all_and_flush(self) -> None:
        self._cancelled.set()

    def capture_request(self, wait: float | None = None) -> _Request:
        machine = self.machine
        if machine.frames is not None and machine.captured >= machine.frames:
            self._cancelled.wait(0.05)
            raise TimeoutError("timed out")
        machine.captured += 1
        return _Request(machine, self._config)


class _Request:
    def __init__(self, machine: Machine, config: dict[str, Any]) -> None:
        self.machine, self.config = machine, config

    def make_buffer(self, name: str) -> np.ndarray:
        stream = self.config[name]
        return draw(stream["format"], *stream["size"], stream["stride"], self.machine.captured)

    def get_metadata(self) -> dict[str, Any]:
        if self.machine.broken_metadata:
            raise RuntimeError("no metadata")
        now = time.clock_gettime(time.CLOCK_BOOTTIME) - self.machine.boottime_ahead_s
        return {"SensorTimestamp": int(now * 1e9), "ExposureTime": 10000}

    def release(self) -> None:
        self.machine.released += 1


def draw(name: str, width: int, height: int, stride: int, noise: int = 0) -> np.ndarray:
    """Return the bytes of one frame, padding filled with 255; the first pixel differs from frame to frame."""
    red, green, blue = COLOR_RGB
    if name in ("NV12", "YUV420"):
        luma = round(16 + (65.738 * red + 129.057 * green + 25.064 * blue) / 256)
        cb = round(128 + (-37.945 * red - 74.494 * green + 112.439 * blue) / 256)
        cr = round(128 + (112.439 * red - 94.154 * green - 18.285 * blue) / 256)
        planes = np.full(stride * height * 3 // 2, 255, np.uint8)
        rows = planes[: stride * height].reshape(height, stride)
        rows[:, :width] = luma
        rows[0, 0] = noise % 256
        rest = planes[stride * height :]
        if name == "NV12":
            pairs = rest.reshape(height // 2, stride)
            pairs[:, 0:width:2], pairs[:, 1:width:2] = cb, cr
        else:
            chroma = rest.reshape(2, height // 2, stride // 2)
            chroma[0, :, : width // 2], chroma[1, :, : width // 2] = cb, cr
        return planes
    in_memory = {"RGB888": (blue, green, red), "BGR888": (red, green, blue)}
    in_memory |= {"XBGR8888": (red, green, blue, 255), "XRGB8888": (blue, green, red, 255)}  # type: ignore[dict-item]
    pixel = in_memory[name]
    data = np.full((height, stride), 255, np.uint8)
    data[:, : width * len(pixel)] = np.tile(pixel, width)
    data[0, 0] = noise % 256
    return data.reshape(-1)
