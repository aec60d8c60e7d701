"""``edgevision doctor``: check the installation, the hardware and, if given, a model, and report how to fix problems."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgevision.cli.options import PATH, engine_option, json_option, quiet_option
from edgevision.cli.terminal import bar, say_json, say_rendered

if TYPE_CHECKING:
    from ..doctor.result import Section
    from ..outputs.config import OutputConfig


@click.command()
@click.argument("model", type=PATH, required=False)
@engine_option("auto")
@click.option(
    "--tensorflow", is_flag=True, help="Import TensorFlow, too, which takes several seconds; default: read its version."
)
@click.option(
    "--config",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="Also check the outputs of this configuration (libraries, paths, free space, ports, GPIO lines, and whether hosts "
    "can be reached) and its second model.",
)
@json_option
@quiet_option
def doctor(
    model: Path | None, engine: str, tensorflow: bool, config: tuple[Path, ...], as_json: bool, quiet: bool
) -> None:
    """Check what is installed and plugged in, and report what to fix. Exit code 3: something required is broken.

    With MODEL, also run the self-test stored in the model file.
    """
    from edgevision.errors import GateNotMet
    from edgevision.files.atomic import require_file

    from ..doctor.run_checks import STEPS, examine
    from ..system.host import here

    if model is None and engine != "auto":
        raise click.UsageError("--engine needs a MODEL to run; add one: edgevision doctor MODEL --engine NAME")
    if model is not None:
        require_file(model, "model")
    outputs, second = _configured(config)
    with bar("checking", STEPS, quiet) as step:
        done = iter(range(1, STEPS + 1))
        sections = examine(here(), lambda: step(next(done)), tensorflow)
    if model is not None:
        sections = (*sections, _model_section(sections, model, engine))
    if second is not None:
        sections = (*sections, _model_section(sections, second, engine, "Second model"))
    if outputs:
        from ..outputs.diagnosis import section

        sections = (*sections, section(outputs))
    from ..service.diagnosis import section as of_loops

    loops = of_loops()
    sections = sections if loops is None else (*sections, loops)
    _show(sections, model, as_json)
    broken = [check for section in sections for check in section.checks if check.broken]
    if broken:
        raise GateNotMet("; ".join(f"{check.name}: {check.found}" for check in broken))


def _configured(paths: tuple[Path, ...]) -> tuple[tuple[OutputConfig, ...], Path | None]:
    """Return the outputs and the second model of configuration files."""
    if not paths:
        return (), None
    from ..loop import config_file

    found = config_file.read_all(paths)
    return tuple(found.get("outputs") or ()), found.get("then")


def _model_section(sections: tuple[Section, ...], model: Path, engine: str, title: str = "Model") -> Section:
    """Run the self-test, unless a required library is broken: one that crashes would take this process down."""
    from ..doctor.packages import MODULES
    from ..doctor.result import Check, Section

    broken = [check.name for section in sections for check in section.checks if check.broken and check.name in MODULES]
    if broken:
        return Section(title, (Check("self-test", None, f"not run: {' and '.join(broken)} must work first"),))
    from ..doctor.selftest import section as test

    return test(model, engine, title)


def _show(sections: tuple[Section, ...], model: Path | None, as_json: bool) -> None:
    if as_json:
        checks = [check.to_json() for section in sections for check in section.checks]
        say_json({"schema": "edgevision.doctor/1", "model": None if model is None else str(model), "checks": checks})
        return
    from ..doctor.terminal import text

    say_rendered(text(sections, model, sys.stdout))
