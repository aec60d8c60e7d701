"""The body of a webhook request: JSON, or JSON and JPEGs as multipart/form-data."""

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
    images = [] if image == "none" else _images(item, image)
    if not images:
        return Request(made, name, "application/json", text)
    boundary = f"edgevision-{os.urandom(16).hex()}"
    parts = [_part(boundary, 'name="data"', "application/json", text)]
    parts += [_part(boundary, f'name="{part}"; filename="{part}.jpg"', "image/jpeg", jpeg) for part, jpeg in images]
    body = b"".join((*parts, f"--{boundary}--\r\n".encode()))
    return Request(made, name, f"multipart/form-data; boundary={boundary}", body)


def _images(item: Item, image: str) -> list[tuple[str, bytes]]:
    """Return the images by the names of their parts: ``image``, and ``frame`` if that is only the object."""
    crop = item.crop_jpeg()
    found = [] if crop is None else [("image", crop)]
    if item.frame is not None:
        jpeg = item.frame.annotated_jpeg() if image == "annotated" else item.frame.jpeg()
        found.append(("image" if crop is None else "frame", jpeg))
    return found


def _part(boundary: str, disposition: str, content_type: str, content: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: {content_type}\r\n\r\n"
    return head.encode() + content + b"\r\n"
