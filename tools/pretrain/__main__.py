"""Pre-training of the starter backbone: train (begins or goes on), plan (moves the end), export (backbone and card)."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from signal import SIGINT

from edgevision.errors import BadInput, EdgeVisionError
from tools.pretrain import schedule

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read by TensorFlow when it is loaded


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit status; a fault of the input is one line."""
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
    train = commands.add_parser("train", help="begin a run, or continue it where it was interrupted")
    _add_places(train)
    _add_plan(train)
    train.add_argument("--seed", type=int, default=0, help="of the weights, the order and the augmentation (0)")
    train.add_argument("--batch", type=int, default=128, help="pictures a step (128)")
    train.add_argument("--save-every", type=float, default=120.0, metavar="SECONDS", help="between two states (120)")
    train.add_argument("--stop-after", type=int, metavar="STEPS", help="save and leave after this many steps in all")
    train.set_defaults(command=_train)
    plan = commands.add_parser("plan", help="show or change the plan; a running training reads it after each epoch")
    plan.add_argument("--work", type=Path, required=True, help="work folder of the run")
    _add_plan(plan)
    plan.set_defaults(command=_plan)
    export = commands.add_parser("export", help="write the averaged backbone, without its head, and its card")
    _add_places(export)
    export.add_argument("--description", required=True, help="the data in words, for the card")
    export.add_argument("--sides", default="64,96", metavar="PX,...", help="picture sides to score at (64,96)")
    export.set_defaults(command=_export)
    return parser


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, required=True, help="folder or zip of class folders, or of train/ and val/"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for the decoded pictures, plan and state")
    parser.add_argument("--out", type=Path, required=True, help="folder for what the run yields")
    parser.add_argument("--side", type=int, metavar="PX", help="of the decoded pictures (their median, 160 at most)")


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phases", metavar="SIDE:EPOCHS,...", help="for example 64:12,96:26")
    parser.add_argument("--decay-epochs", type=float, metavar="N", help="length of the final fall of the rate to zero")
    parser.add_argument("--peak-rate", type=float, metavar="RATE", help="learning rate before it falls")
    parser.add_argument("--warmup-epochs", type=float, metavar="N", help="length of the rise of the rate from zero")


def _plan(options: argparse.Namespace) -> int:
    numbers = {name: getattr(options, name) for name in ("decay_epochs", "peak_rate", "warmup_epochs")}
    plan = schedule.changed(schedule.read_plan(options.work), options.phases, **numbers)
    schedule.write_plan(options.work, plan)
    print(plan, flush=True)
    return 0


def _train(options: argparse.Namespace) -> int:
    if not 0 <= options.seed < 2**31:
        raise BadInput(f"--seed must be 0 to 2147483647, not {options.seed}")
    if options.batch < 2:
        raise BadInput(f"--batch must be at least 2, as batch normalisation needs, not {options.batch}")
    _plan(options)
    from tools.pretrain.data import load

    pictures = load(options.data, options.work, options.side)
    train, val = len(pictures.train.labels), len(pictures.val.labels)
    print(f"{len(pictures.classes)} classes, {train} + {val} pictures, {pictures.skipped} skipped", flush=True)
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
        raise BadInput(f"{options.work} holds no {STATE_FILE}; train first, or give the --work folder of a run")
    pictures = load_pictures(options.data, options.work, options.side)
    if state.progress.fingerprint != pictures.fingerprint:
        raise BadInput(f"the state in {options.work} was trained on other pictures than {options.data}")
    card = write_starter(options.out, state.average, state.progress, pictures, options.description, sides)
    scores = ", ".join(f"{score['value']:.1%} at {side} px" for side, score in card["accuracy"].items())
    print(f"{options.out / WEIGHTS_FILE}: {card['parameters']} parameters, {scores}")
    return 0


def _whole(text: str) -> int:
    if not text.strip().isdecimal():
        raise BadInput(f"a picture side must be a whole number of pixels, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
