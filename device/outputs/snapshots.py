"""``snapshots:DIR``: a JPEG of every event, as the camera saw it and with labels drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from edgevision.byte_sizes import format_bytes, parse_bytes
from edgevision.preprocessing.exif import MAX_TEXT, with_exif
from edgevision.records import record
from edgevision.settings import setting

from .delivery_filter import GONE
from .kind import Kind, Needs
from .media_folder import MediaFolder
from .protocol import Output

if TYPE_CHECKING:
    from edgevision.types import Label

    from .config import OutputConfig
    from .item import Item
    from .protocol import Context

Images = Literal["both", "plain", "annotated"]
PLAIN, ANNOTATED, CROP = ".jpg", "-annotated.jpg", "-crop.jpg"
_MAX_LABEL = 200


@record(kw_only=True)
class SnapshotSettings:
    """Settings of ``snapshots:``."""

    quota: int = setting(
        500_000_000,
        "text",
        "Space for snapshots; the oldest are deleted.",
        form="a size, such as 500MB",
        parse=parse_bytes,
        unparse=format_bytes,
    )
    image: Images = setting("both", "choice", "Which images to save.", choices=get_args(Images))


class Snapshots(Output):
    """Writes the image in which an event happened, and the best one of its object; passes over one without image or label."""

    takes = "events"
    images = True

    def __init__(self, folder: MediaFolder, image: Images, camera: str) -> None:
        self._folder, self._image, self._camera = folder, image, camera
        self.written = 0

    def start(self) -> None:
        """Look at the folder. Raises CannotWrite."""
        self._folder.open()

    def deliver(self, item: Item) -> None:
        """Write the images of one item. Raises CannotWrite."""
        label = _label(item)
        if item.frame is None or label is None:
            return
        kind = "frame" if item.event is None else item.event.kind
        name, wall_s = label.name[:_MAX_LABEL], item.frame.wall_s
        comment = json.dumps(
            {"camera": self._camera, "event": kind, "label": name, "score": round(label.score, 4), "time": item.time},
            ensure_ascii=False,
        )
        files = {
            suffix: with_exif(jpeg, f"{name} {label.score:.2f} ({kind})", comment[:MAX_TEXT], wall_s)
            for suffix, jpeg in self._jpegs(item)
        }
        self._folder.add(label.name, label.score, wall_s, files)
        self.written = (self.written or 0) + len(files)

    def _jpegs(self, item: Item) -> list[tuple[str, bytes]]:
        assert item.frame is not None
        made = []
        if self._image != "annotated":
            made.append((PLAIN, item.frame.jpeg()))
        if self._image != "plain":
            made.append((ANNOTATED, item.frame.annotated_jpeg()))
        if (crop := item.crop_jpeg()) is not None:
            made.append((CROP, crop))
        return made


def _label(item: Item) -> Label | None:
    """Return the label that names a snapshot: that of the event, or the best of the frame."""
    if item.event is not None:
        return None if item.event.kind in GONE else item.event.label
    if item.frame is None:
        return None
    from edgevision.postprocessing.temporal import evidence

    return max(evidence(item.frame.prediction).values(), key=lambda label: label.score, default=None)


def _open(config: OutputConfig, context: Context) -> Snapshots:
    chosen: SnapshotSettings = config.settings
    folder = MediaFolder(Path(config.target), chosen.quota, (PLAIN, ANNOTATED, CROP))
    return Snapshots(folder, chosen.image, context.name)


KIND = Kind(
    _open,
    settings=SnapshotSettings,
    needs=lambda config: Needs(writes=(config.target,)),
    target="folder",
    whole_images=True,
)
