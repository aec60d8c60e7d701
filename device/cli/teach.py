"""``edgevision teach``: add classes to a model on the device, from a few frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.options import PATH, json_option, overwrite_option, quiet_option
from edgevision.cli.setting_options import option_of
from edgevision.cli.terminal import say, say_json

from ..loop.options import CAMERA, DEFAULT_CAMERA, SETTINGS

if TYPE_CHECKING:
    from edgevision.model import Model

    from ..stream.protocols import Source
    from ..teach.teacher import Lesson, Teacher

FRAMES = 10
MAX_PICTURES = 200


@click.command()
@click.argument("name", required=False)
@click.option(
    "--model", type=PATH, help="A .tflite made by edgevision convert --with-embedding.  [default: the newest]"
)
@option_of(CAMERA, help="Camera, as in edgevision run.")
@option_of(SETTINGS["source"], help="Learn from an image, a folder of images or a video instead.")
@option_of(SETTINGS["insecure"])
@click.option(
    "--count",
    type=click.IntRange(1, MAX_PICTURES),
    help="Number of frames.  [default: 10 from a camera, all of a folder]",
)
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0, 60),
    default=0.5,
    show_default=True,
    help="Interval between frames, in seconds.",
)
@click.option("--background", is_flag=True, help="Learn the background: the scene without any taught object.")
@click.option("--list", "listing", is_flag=True, help="List the classes taught to the model.")
@click.option("--forget", metavar="NAME", help="Remove a taught class.")
@click.option("--export", type=PATH, metavar="FILE", help="Write the taught classes to a file.")
@click.option(
    "--import", "import_", type=PATH, metavar="FILE", help="Replace the taught classes by those of such a file."
)
@option_of(SETTINGS["max_pixels"])
@option_of(SETTINGS["state"], help="Folder of the taught classes.")
@option_of(SETTINGS["runs"], help="Folder to search for the newest convert-N/*.tflite.")
@json_option
@overwrite_option
@quiet_option
def teach(name: str | None, model: Path | None, state: Path | None, runs: Path, max_pixels: int, **rest: Any) -> None:
    """Teach a model the class NAME on the device, from a few frames; edgevision run then recognizes it too.

    Frames are added to those of an existing class; --overwrite replaces them. The model file is not changed.
    """
    _refuse_mixture(name, rest)
    from edgevision.files.state_folder import state_folder
    from edgevision.model import open_model
    from edgevision.preprocessing.pixel_limit import set_max_pixels

    from ..teach.teacher import Teacher

    set_max_pixels(max_pixels)
    with open_model(_model_path(model, runs)) as opened:
        _do(name, Teacher(opened, state_folder(state)), **rest, state=state)


def _do(name: str | None, teacher: Teacher, **rest: Any) -> None:
    if rest["listing"]:
        _list(teacher, rest["as_json"])
    elif rest["forget"] is not None:
        teacher.forget(rest["forget"])
        text = f"removed {rest['forget']}; classes taught to {teacher.model.path}: {_names(teacher)}"
        _report(text, teacher, rest["as_json"])
    elif rest["export"] is not None:
        teacher.export(rest["export"], rest["overwrite"])
        _report(f"wrote {rest['export']}: {_names(teacher)}", teacher, rest["as_json"])
    elif rest["import_"] is not None:
        _import(teacher, rest["import_"], rest["overwrite"])
        _report(f"imported {_names(teacher)} from {rest['import_']}", teacher, rest["as_json"])
    else:
        _teach(name, teacher, **rest)


def _refuse_mixture(name: str | None, rest: dict[str, Any]) -> None:
    """Require exactly one action. Raises UsageError."""
    asked = [
        option
        for option, given in (
            ("NAME", name is not None),
            ("--background", rest["background"]),
            ("--list", rest["listing"]),
            ("--forget", rest["forget"] is not None),
            ("--export", rest["export"] is not None),
            ("--import", rest["import_"] is not None),
        )
        if given
    ]
    if not asked:
        raise click.UsageError(
            "nothing to do; name a class: edgevision teach NAME --camera 0 (or give --list, --background ...)"
        )
    if len(asked) > 1:
        raise click.UsageError(f"{' and '.join(asked)} cannot be combined; give only one")
    if rest["camera"] is not None and rest["source"] is not None:
        raise click.UsageError("give --camera or --source, not both")


def _model_path(given: Path | None, runs: Path) -> Path:
    from edgevision.errors import MissingFile
    from edgevision.files.atomic import require_file
    from edgevision.files.run_folder import newest

    if given is not None:
        return require_file(given, "model")
    found = newest(runs, "convert-*/*.tflite")
    if found is None:
        raise MissingFile(f"no model given and none found in {runs}/; give one with --model MODEL.tflite")
    return found


def _teach(name: str | None, teacher: Teacher, **rest: Any) -> None:
    from edgevision.cli import terminal

    source = _open(teacher.model, rest["camera"], rest["source"], rest["insecure"])
    count = rest["count"] or (FRAMES if source.live else MAX_PICTURES)
    if source.live and not rest["quiet"]:
        what = "keep taught objects out of view" if name is None else f"show {name} from several sides"
        say(f"{source.spec}: taking {count} frames, one every {rest['every_s']:g} s; {what}", err=True)
    with terminal.bar("frames", count, rest["quiet"]) as step:
        lesson = teacher.teach(name, source, count, rest["every_s"], rest["overwrite"], step)
    for note in lesson.notes:
        terminal.note(note, rest["quiet"])
    if source.live and teacher.overlay.background is None:
        terminal.note(
            f"also teach the scene without {name}, or anything this camera sees may be taken for it: "
            "edgevision teach --background",
            rest["quiet"],
        )
    if rest["as_json"]:
        _print_json({**lesson.to_json(), "state": str(teacher.path)})
        return
    _tell(lesson, teacher, _next(teacher, rest))


def _next(teacher: Teacher, rest: dict[str, Any]) -> str:
    """Return the command that runs the model with what it was taught, on the same camera."""
    from edgevision.next_command import command, run_command, shown_source

    state = ("--state", rest["state"]) if rest["state"] is not None else ()
    if rest["camera"] is not None:
        return command("run", teacher.model.path, "--camera", shown_source(rest["camera"]), *state)
    return run_command(teacher.model.path, *state)


def _tell(lesson: Lesson, teacher: Teacher, next_command: str) -> None:

    if lesson.fit is None:
        say(f"learned the background from {lesson.frames} frames ({lesson.total} in all)")
    else:
        fit = lesson.fit
        more = "" if lesson.total == lesson.frames else f" ({lesson.total} in all)"
        say(
            f"taught {lesson.name} from {lesson.frames} frames{more}: similarity {fit.typical:.2f}, to other classes "
            f"{fit.rival:.2f}; {teacher.path}"
        )
    say(f"next: {next_command}")


def _open(model: Model, camera: str | None, source: str | None, insecure: bool) -> Source:
    from ..cameras.registry import open_camera, open_source
    from ..stream.request import CaptureRequest

    wanted = CaptureRequest(preprocessing=model.preprocessing, insecure=insecure)
    return (
        open_camera(camera or DEFAULT_CAMERA, wanted=wanted) if source is None else open_source(source, wanted=wanted)
    )


def _report(text: str, teacher: Teacher, as_json: bool) -> None:
    """Report what was done: as text, or as the JSON list of the taught classes."""
    if as_json:
        _list(teacher, as_json)
    else:
        say(text)


def _list(teacher: Teacher, as_json: bool) -> None:
    from edgevision.cli.terminal import show
    from edgevision.reporting.terminal import table

    fits, overlay = teacher.fits(), teacher.overlay
    background = 0 if overlay.background is None else len(overlay.background)
    if as_json:
        classes = [
            {"name": one.name, "number": one.number, "frames": len(one.vectors), "typical": round(fit.typical, 4),
             "rival": round(fit.rival, 4), "separable": fit.separable}
            for one, fit in zip(overlay.classes, fits.values(), strict=True)
        ]  # fmt: skip
        _print_json({"model": str(teacher.model.path), "state": str(teacher.path), "classes": classes,
                     "background_frames": background})  # fmt: skip
        return
    if not overlay.classes:
        say(f"no class was taught to {teacher.model.path} yet; teach one: edgevision teach NAME --camera 0")
        return
    rows = [
        (one.name, str(len(one.vectors)), f"{fit.typical:.2f}", f"{fit.rival:.2f}", "yes" if fit.separable else "no")
        for one, fit in zip(overlay.classes, fits.values(), strict=True)
    ]
    show(table(("class", ">frames", ">similarity", ">to others", "separable"), rows))
    say(f"{len(rows)} classes taught to {teacher.model.path}, {background} background frames: {teacher.path}")


def _import(teacher: Teacher, path: Path, overwrite: bool) -> None:
    from edgevision.errors import OutputExists

    if teacher.overlay.classes and not overwrite:
        raise OutputExists(
            f"the import would replace these taught classes: {_names(teacher)}; give --overwrite to replace them"
        )
    teacher.take_over(path)


def _names(teacher: Teacher) -> str:
    return ", ".join(teacher.overlay.names) or "none"


def _print_json(value: dict[str, Any]) -> None:

    say_json({"schema": "edgevision.teach/1", **value})
