"""A model whose weights follow its flatbuffer, as exports of LiteRT have them since 2026."""

from __future__ import annotations

from edgevision.tflite.object_api import pack, unpack


def weights_behind(flatbuffer: bytes) -> bytes:
    """Return the same model with the data of all buffers behind the flatbuffer."""
    size = len(_moved(flatbuffer, 2)[0])  # any offset above 1: it has a fixed width
    head, data = _moved(flatbuffer, size)
    return head + data


def _moved(flatbuffer: bytes, start: int) -> tuple[bytes, bytes]:
    model, data = unpack(flatbuffer), b""
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data):
            buffer.offset, buffer.size = start + len(data), len(buffer.data)
            data += bytes(buffer.data)
            buffer.data = None
    return pack(model), data
