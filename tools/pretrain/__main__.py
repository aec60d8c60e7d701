"""Pre-train the starter backbone: train (start or continue), plan (change the length), export (backbone and card)."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from signal import SIGINT

from edgevision.errors import BadInput, EdgeVisionError
from tools.pretrain import schedule

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow reads it when it is loaded


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status; input errors are printed in one line."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except EdgeVisionError as fault:
        print(f"pretrain: {fault}", file=sys.stderr)
        return fault.exit_code
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.pretrain", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="train|plan|export")
    train = commands.add_parser("train", help="start a run, or continue an interrupted one")
    _add_places(train)
    _add_plan(train)
    train.add_argument("--seed", type=int, default=0, help="seed of weights, image order and augmentation (0)")
    train.add_argument("--batch", type=int, default=128, help="images per step (128)")
    train.add_argument("--save-every", type=float, default=120.0, metavar="SECONDS", help="time between saves (120)")
    train.add_argument("--stop-after", type=int, metavar="STEPS", help="save and exit after this many steps in total")
    train.set_defaults(command=_train)
    plan = commands.add_parser("plan", help="show or change the plan, which a running training reads after each epoch")
    plan.add_argument("--work", type=Path, required=True, help="work folder of the run")
    _add_plan(plan)
    plan.set_defaults(command=_plan)
    export = commands.add_parser("export", help="write the averaged backbone without its head, and its card")
    _add_places(export)
    export.add_argument("--description", required=True, help="description of the data, for the card")
    export.add_argument("--sides", default="64,96", metavar="PX,...", help="image sides to evaluate at (64,96)")
    export.set_defaults(command=_export)
    return parser


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, required=True, help="folder or zip with class folders, or with train/ and val/"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for decoded images, plan and state")
    parser.add_argument("--out", type=Path, required=True, help="folder for the outputs of the run")
    parser.add_argument("--side", type=int, metavar="PX", help="side of the decoded images (their median, at most 160)")


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phases", metavar="SIDE:EPOCHS,...", help="for example 64:12,96:26")
    parser.add_argument(
        "--decay-epochs", type=float, metavar="N", help="length of the final decay of the learning rate"
    )
    parser.add_argument("--peak-rate", type=float, metavar="RATE", help="learning rate between warm-up and decay")
    parser.add_argument("--warmup-epochs", type=float, metavar="N", help="length of the warm-up of the learning rate")


def _plan(options: argparse.Namespace) -> int:
    numbers = {name: getattr(options, name) for name in ("decay_epochs", "peak_rate", "warmup_epochs")}
    plan = schedule.changed(schedule.read_plan(options.work), options.phases, **numbers)
    schedule.write_plan(options.work, plan)
    print(plan, flush=True)
    return 0


def _train(options: argparse.Namespace) -> int:
    if not 0 <= options.seed < 2**31:
        raise BadInput(f"--seed must be between 0 and 2147483647, got {options.seed}")
    if options.batch < 2:
        raise BadInput(f"--batch must be at least 2 for batch normalization, got {options.batch}")
    _plan(options)
    from tools.pretrain.data import load

    pictures = load(options.data, options.work, options.side)
    train, val = len(pictures.train.labels), len(pictures.val.labels)
    print(f"{len(pictures.classes)} classes, {train} + {val} images, {pictures.skipped} skipped", flush=True)
    from tools.pretrain.model import use_gpu_if_present
    from tools.pretrain.train import Settings, Trainer

    use_gpu_if_present()
    settings = Settings(
        options.work, options.out, options.seed, options.batch, options.save_every, stop_after=options.stop_after
    )
    ended_by = Trainer(pictures, settings, lambda line: print(line, flush=True)).run()
    return 130 if ended_by == SIGINT else 0


def _export(options: argparse.Namespace) -> int:
    sides = [schedule.checked_side(_whole(side)) for side in options.sides.split(",")]
    from tools.pretrain.checkpoint import STATE_FILE, load
    from tools.pretrain.data import load as load_pictures
    from tools.pretrain.export import WEIGHTS_FILE, write_starter

    state = load(options.work)
    if state is None:
        raise BadInput(f"{options.work} contains no {STATE_FILE}; train first, or give the --work folder of a run")
    pictures = load_pictures(options.data, options.work, options.side)
    if state.progress.fingerprint != pictures.fingerprint:
        raise BadInput(f"the state in {options.work} was trained on other images than those in {options.data}")
    card = write_starter(options.out, state.average, state.progress, pictures, options.description, sides)
    scores = ", ".join(f"{score['value']:.1%} at {side} px" for side, score in card["accuracy"].items())
    print(f"{options.out / WEIGHTS_FILE}: {card['parameters']} parameters, {scores}")
    return 0


def _whole(text: str) -> int:
    if not text.strip().isdecimal():
        raise BadInput(f"an image side must be an integer number of pixels, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
