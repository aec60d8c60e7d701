"""The body of a webhook request: JSON, or JSON and a JPEG as multipart/form-data."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ...sinks.jsonl import dump
from .spool import Request

if TYPE_CHECKING:
    from ..item import Item


def request_of(item: Item, camera: str, model: str, image: str) -> Request:
    """Return the request of an item. ``image``: none, plain or annotated."""
    record = item.record()
    name = str(record.get("event") or record["type"])
    made = os.urandom(16).hex()
    value: dict[str, Any] = {
        "schema": "edgevision.webhook/1",
        "id": made,
        "camera": camera,
        "model": model,
        "item": record,
    }
    text = dump(value).encode()
    if image == "none" or item.frame is None:
        return Request(made, name, "application/json", text)
    jpeg = item.frame.annotated_jpeg() if image == "annotated" else item.frame.jpeg()
    boundary = f"edgevision-{os.urandom(16).hex()}"
    body = b"".join(
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="data"\r\n'.encode(),
            b"Content-Type: application/json\r\n\r\n",
            text,
            f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="image.jpg"\r\n'.encode(),
            b"Content-Type: image/jpeg\r\n\r\n",
            jpeg,
            f"\r\n--{boundary}--\r\n".encode(),
        )
    )
    return Request(made, name, f"multipart/form-data; boundary={boundary}", body)
