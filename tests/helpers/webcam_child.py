"""Reads frames through the whole V4L2 back end with webcam.c preloaded, and prints the result as JSON.

webcam_child.py DEVICE FORMAT WIDTHxHEIGHT MODEL_SIDE COUNT
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from edgevision.device.cameras.backends.v4l2 import V4L2Reader
from edgevision.device.cameras.backends.v4l2_formats import formats, is_busy
from edgevision.device.cameras.backends.v4l2_nodes import _query
from edgevision.device.cameras.registry import open_camera
from edgevision.device.stream.request import CaptureRequest
from edgevision.device.system.clock import Clock

from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame


def main(device: str, fourcc: str, size: str, side: int, count: int) -> None:
    width, height = map(int, size.split("x"))
    wanted = CaptureRequest(width=width, height=height, preprocessing=Preprocessing(side, side) if side else None)
    offered = formats(Path(device))
    found = {
        "name": _query(Path(device))[16:48].rstrip(b"\0").decode(),
        "offered": [asdict(one) for one in offered],
        "busy": is_busy(Path(device)),
        "items": [],
    }
    if fourcc:
        chosen = tuple(one for one in offered if one.fourcc == fourcc)
        reader = V4L2Reader(device, "Test webcam", wanted=wanted, offered=chosen)
        found["description"] = reader.description
        found["items"] = [facts(reader.read()) for _ in range(count)]
        found["damaged"] = reader.damaged
        reader.close()
    else:
        camera = open_camera(device, Clock(wait=lambda event, _: event.wait(0.01)), wanted)
        found["description"] = camera.description
        for item in camera:
            found["items"].append(facts(item) if isinstance(item, Frame) else item.kind)
            if len(found["items"]) >= count or found["items"][-1] == "camera_lost":
                break
        camera.close()
    print(json.dumps(found))


def facts(frame: Frame) -> dict[str, object]:
    blue, green, red = (round(float(frame.pixels[8:, :, channel].mean())) for channel in range(3))
    age = time.monotonic() - (frame.captured_at or 0.0)
    size = {"width": frame.width, "height": frame.height, "reduced": frame.reduced}
    return {"index": frame.index, "rgb": [red, green, blue], "order": frame.order, "age": age, **size}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
