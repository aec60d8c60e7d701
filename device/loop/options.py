"""Settings of one run of the loop, options of ``edgevision run`` and keys of its files; and where its output goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO, get_args

from edgevision.engines.registry import ENGINE, THREADS
from edgevision.records import record
from edgevision.reporting.terminal import printable
from edgevision.settings import JSON, MAX_PIXELS, OVERWRITE, QUIET, RUNS, Setting, setting, settings_of

from ..stream.request import MAX_FPS, MAX_SIDE, CaptureRequest, Flip, Roi, Rotation, require_inside

if TYPE_CHECKING:
    from ..outputs.config import OutputConfig
    from ..page.address import PageAddress
    from ..tracking.shapes import CountLine, Zone

DEFAULT_CAMERA = "0"


def parse_size(text: str) -> tuple[int, int]:
    """Parse WIDTHxHEIGHT in pixels. Raises ValueError."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and all(1 <= int(side) <= MAX_SIDE for side in (width, height))):
        raise ValueError(text)
    return int(width), int(height)


def parse_name(text: str) -> str:
    """Return a name that topics, files and addresses can contain. Raises ValueError."""
    allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_"
    if not 1 <= len(text) <= 63 or set(text) - set(allowed):
        raise ValueError(text)
    return text


def parse_roi(text: str) -> Roi:
    """Parse x,y,width,height, each 0 to 1. Raises ValueError."""
    x, y, width, height = (float(part) for part in text.split(","))
    require_inside((x, y, width, height))
    return x, y, width, height


def _parse_bytes(text: str) -> int:
    from edgevision.byte_sizes import parse_bytes  # late: few runs give a size

    return parse_bytes(text)


def _format_bytes(size: int) -> str:
    from edgevision.byte_sizes import format_bytes

    return format_bytes(size)


def _parse_output(value: Any) -> OutputConfig:
    """Parse a spec or a table of ``[[outputs]]``. Raises BadInput."""
    from ..outputs.parse import from_file, parse_spec  # late: most runs have none

    return parse_spec(value) if isinstance(value, str) else from_file(value)


def _output_table(value: OutputConfig) -> Any:
    from ..outputs.parse import to_table

    return to_table(value)


def _parse_line(value: Any) -> CountLine:
    from ..tracking.shapes import parse_line  # late, as above

    return parse_line(value)


def _format_line(line: CountLine) -> str:
    from ..tracking.shapes import format_line

    return format_line(line)


def _parse_zone(value: Any) -> Zone:
    from ..tracking.shapes import parse_zone  # late, as above

    return parse_zone(value)


def _format_zone(zone: Zone) -> str:
    from ..tracking.shapes import format_zone

    return format_zone(zone)


def _parse_page(text: str) -> PageAddress:
    from ..page.address import parse_address  # late, as above

    return parse_address(text)


def _format_roi(roi: Roi) -> str:
    return ",".join(repr(part).removesuffix(".0") for part in roi)


@record(kw_only=True)
class Options:
    """Settings of ``edgevision run``. Their ``repr`` shows none, since a URL may hold a password."""

    model: Path | None = setting(None, "path", "The .tflite to run.", argument=True)
    camera: str | None = setting(
        None,
        "text",
        "Camera number from edgevision cameras, usb:NAME, /dev/videoN, a URL (EDGEVISION_CAMERA_PASSWORD "
        "may hold its password), - (JPEGs on standard input; "
        "raw:640x480:rgb24 for raw frames), or test: (a generated pattern).",
        "Source",
        metavar="SPEC",
        default_text=DEFAULT_CAMERA,
    )
    source: str | None = setting(
        None,
        "text",
        "Read every frame of an image, a folder of images, a video file, a URL, test:, - or raw:640x480:rgb24 "
        "(see --camera).",
        "Source",
        metavar="SPEC",
    )
    size: tuple[int, int] | None = setting(
        None,
        "text",
        "Image size to request from the camera.",
        "Source",
        metavar="WxH",
        default_text="the camera's own",
        form="WIDTHxHEIGHT in pixels, such as 1280x720",
        parse=parse_size,
        unparse=lambda size: f"{size[0]}x{size[1]}",
    )
    fps: float | None = setting(
        None,
        "float",
        "Process at most N frames per second.",
        "Source",
        above=0,
        high=MAX_FPS,
        metavar="N",
        default_text="no limit; 1 for a URL that sends single images",
    )
    rotate: Rotation = setting(0, "int", "Rotate clockwise.", "Source", choices=get_args(Rotation), metavar="DEGREES")
    flip: Flip = setting(
        "none",
        "choice",
        "Mirror the image after rotating it.",
        "Source",
        choices=get_args(Flip),
        metavar="HOW",
    )
    roi: Roi | None = setting(
        None,
        "text",
        "Crop to this part of the rotated image; each number is 0 to 1, so 0.25,0.25,0.5,0.5 is the middle.",
        "Source",
        metavar="X,Y,W,H",
        form="x,y,width,height within the image, each 0 to 1, such as 0.25,0.25,0.5,0.5 for the middle",
        parse=parse_roi,
        unparse=_format_roi,
    )
    freeze_timeout: float | None = setting(
        None,
        "float",
        "Reopen the camera if its image has not changed for this long; 0: never.",
        "Source",
        low=0,
        metavar="SECONDS",
        default_text="depends on the camera",
        old_names=("frozen",),
    )
    insecure: bool = setting(False, "flag", "Accept any certificate of an https or rtsps camera, unverified.", "Source")

    max_pixels: int = MAX_PIXELS.field(group="Source")

    top: int = setting(5, "int", "Report at most N labels per frame.", "Predictions", low=1, high=1000, metavar="N")
    threshold: float | None = setting(
        None,
        "float",
        'Report scores below this as "unknown".',
        "Predictions",
        low=0,
        high=1,
        metavar="SCORE",
        default_text="the model's own",
    )
    smooth: int = setting(
        1, "int", "Average scores over N frames, for labels and events.", "Predictions", low=1, high=1000, metavar="N"
    )
    on_motion: bool = setting(
        False, "flag", "Run the model only when the image changes, and every 10 s.", "Predictions"
    )
    drift: bool = setting(
        False,
        "flag",
        "Report when what a live camera sees has moved away from what it saw on its first days here, such as by a fogged "
        "lens, a moved mount or a new season.",
        "Predictions",
    )
    masks: bool = setting(
        False, "flag", "With --json, include the masks of segmenters and of objects as run lengths.", "Predictions"
    )

    track: bool = setting(
        False, "flag", "Follow the objects of a detector from frame to frame and give each a number.", "Tracking"
    )
    track_labels: tuple[str, ...] = setting(
        (), "texts", "Track only objects with these labels.", "Tracking", metavar="LABEL,LABEL,..."
    )
    count_lines: tuple[CountLine, ...] = setting(
        (),
        "tables",
        "Count what crosses this line, from X0,Y0 to X1,Y1 as fractions of the image. Forward is from the left side to the "
        "right, seen from X0,Y0; so 0.5,1,0.5,0,door counts what goes right as forward. Repeat it for several.",
        "Tracking",
        metavar="X0,Y0,X1,Y1[,NAME]",
        option_key="count_line",
        form="a list of lines 'x0,y0,x1,y1,name' with numbers from 0 to 1",
        parse=_parse_line,
        unparse=_format_line,
    )
    zones: tuple[Zone, ...] = setting(
        (),
        "tables",
        "Count and time what is in this area, given by its corners as fractions of the image, such as "
        "0,0.5,1,0.5,1,1,0,1,yard for the lower half. Repeat it for several.",
        "Tracking",
        metavar="X,Y,X,Y,X,Y...[,NAME]",
        option_key="zone",
        form="a list of zones 'x,y,x,y,x,y,name' with numbers from 0 to 1",
        parse=_parse_zone,
        unparse=_format_zone,
    )

    then: Path | None = setting(
        None,
        "path",
        "Classify the objects of a detector with this second model, such as the species of a bird; implies --track.",
        "Tracking",
        metavar="CLASSIFIER",
    )
    of: tuple[str, ...] = setting(
        (),
        "texts",
        "Classify only objects with these labels.",
        "Tracking",
        metavar="LABEL,LABEL,...",
        default_text="all objects",
    )

    as_json: bool = JSON.field(
        group="Output", help="Print one JSON object per line on stdout; everything else goes to stderr."
    )
    events: bool = setting(
        False,
        "flag",
        "Also print events on stdout: a label entered, left or changed, the camera was lost, ...",
        "Output",
    )
    summary: Path | None = setting(
        None,
        "path",
        "Write counts, latencies and memory use of the run to this file, as JSON.",
        "Output",
        metavar="FILE",
    )
    contact_sheet: Path | None = setting(
        None,
        "path",
        "At the end, write one .png or .jpg that shows the most informative frames with boxes, masks and labels.",
        "Output",
        metavar="FILE",
    )
    outputs: tuple[OutputConfig, ...] = setting(
        (),
        "tables",
        "Also send results and events to jsonl:FILE, csv:FILE, counts:FILE, snapshots:DIR, clips:DIR, video:FILE.webm, "
        "mqtt://HOST/PREFIX, webhook:URL, exec:PROGRAM, metrics:PORT or gpio:CHIP/LINE=LABEL; repeat it for several. Settings "
        "follow after commas, such as jsonl:log.jsonl,only=events,daily.",
        "Output",
        metavar="SPEC",
        option_key="to",
        parse=_parse_output,
        unparse=_output_table,
    )
    camera_name: str | None = setting(
        None,
        "text",
        "Name of this camera for outputs: lowercase letters, digits, - and _.",
        "Output",
        metavar="NAME",
        form="a name of lowercase letters, digits, - and _, such as front-door",
        parse=parse_name,
        default_text="the host name",
    )
    collect: Path | None = setting(
        None,
        "path",
        "Collect images for the next training: where the model is unsure, and where a label entered.",
        "Output",
        metavar="FOLDER",
    )
    collect_quota: int = setting(
        500_000_000,
        "text",
        "Disk space for the collected images; the oldest are deleted first.",
        "Output",
        metavar="SIZE",
        default_text="500MB",
        form="a disk size, such as 500MB or 2GB",
        parse=_parse_bytes,
        unparse=_format_bytes,
    )
    page: PageAddress | None = setting(
        None,
        "text",
        "Serve a live page for phones and browsers; PORT alone: for this machine only. Any other address needs the token "
        "that the terminal shows.",
        "Output",
        metavar="[HOST:]PORT",
        form="a port or HOST:PORT, such as 8080 or 0.0.0.0:8080",
        parse=_parse_page,
    )
    page_tls: str | None = setting(
        None,
        "text",
        "Serve the page over https, with this PEM file (certificate and private key), or with a certificate made here "
        "(auto).",
        "Output",
        metavar="FILE|auto",
    )
    overwrite: bool = OVERWRITE.field(group="Output")
    quiet: bool = QUIET.field(group="Output")

    engine: str = ENGINE.field(group="Running")
    limit: int | None = setting(None, "int", "Stop after N frames.", "Running", low=1, metavar="N")
    threads: int | None = THREADS.field(group="Running")
    state: Path | None = setting(
        None,
        "path",
        "Folder with the classes added by edgevision teach.",
        "Running",
        metavar="FOLDER",
        default_text="the device's state folder",
    )
    runs: Path = RUNS.field(
        group="Running",
        help="Without MODEL: use the newest convert-N/*.tflite in this folder, or else the bundled default model.",
    )

    def __repr__(self) -> str:
        return "Options(...)"

    @property
    def capture_request(self) -> CaptureRequest:
        """The request to the source: size, rate, orientation and region."""
        width, height = self.size or (None, None)
        return CaptureRequest(
            width,
            height,
            self.fps,
            self.rotate,
            self.flip,
            self.roi,
            freeze_timeout_s=self.freeze_timeout,
            insecure=self.insecure,
        )


class Terminal(NamedTuple):
    """The streams that a command gives to its run."""

    out: TextIO
    """For results."""
    err: TextIO
    """For everything else."""
    may_paint: bool = False
    """Whether results may be a display that is painted again and again; else they are lines."""

    def note(self, text: str) -> None:
        """Write one line beside the results."""
        self.err.write(printable(text) + "\n")
        self.err.flush()

    def flush(self) -> None:
        """Flush both streams. Raises OSError."""
        self.out.flush()
        self.err.flush()


SETTINGS = settings_of(Options)
CAMERA: Setting = SETTINGS["camera"]
