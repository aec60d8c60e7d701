"""Registry of the engines by name. A new engine needs one module and one line here."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from ..errors import BadModel, EngineError, UnknownName, nearest
from ..log import Log
from ..settings import Setting
from .protocol import EngineChoice, EngineUnavailable

if TYPE_CHECKING:
    from ..model_file.model_file import ModelFile
    from .protocol import Engine

log = Log("edgevision.engines")
AUTO = "auto"


class BackEnd(NamedTuple):
    """One engine in the registry."""

    target: str
    """module:function in this package, called with the ModelFile, the device and the number of threads."""
    forms: tuple[str, ...] = ()
    """Allowed device names after the engine's name; N is a number."""

    def accepts(self, device: str) -> bool:
        """Return whether this is a valid device name."""
        return not device or any(re.fullmatch(form.replace("N", r"\d{1,3}"), device) for form in self.forms)


ENGINES = {
    # in the order in which auto tries them; the last one can run every ordinary model
    "edgetpu": BackEnd("edgetpu:open_edgetpu", ("N", "usb", "usb:N", "pci", "pci:N")),
    "cpu": BackEnd("cpu:open_cpu"),
}


def check_name(spec: str) -> str:
    """Check an engine's name: ``auto``, ``cpu``, ``edgetpu``, ``edgetpu:usb:0`` ... Raises UnknownName."""
    name, _, device = spec.partition(":")
    if spec == AUTO:
        return spec
    if name not in ENGINES:
        known = [AUTO, *ENGINES]
        raise UnknownName(f"no such engine: {spec!r}{nearest(name, known) or '; use one of: ' + ', '.join(known)}")
    if spec.endswith(":") or not ENGINES[name].accepts(device):
        forms = " ".join([name, *(f"{name}:{form}" for form in ENGINES[name].forms)])
        raise UnknownName(f"no such device of engine {name}: {spec!r}; use one of: {forms}")
    return spec


ENGINE = Setting(
    "text",
    AUTO,
    "Engine that runs a .tflite: auto, cpu, edgetpu, or a certain device: edgetpu:N, edgetpu:usb:N, edgetpu:pci:N. Only "
    "auto falls back to the CPU.",
    key="engine",
    metavar="NAME",
    parse=check_name,
)
THREADS = Setting(
    "int",
    None,
    "CPU threads for a .tflite.",
    key="threads",
    low=1,
    high=256,
    metavar="N",
    default_text="the number of cores",
)


def open_engine(spec: str, file: ModelFile, threads: int | None = None) -> tuple[Engine, EngineChoice]:
    """Open a model file on the named engine, or with ``auto`` on the fastest that works.

    Only ``auto`` falls back to another engine. Raises UnknownName, EngineError, MissingDependency, BadModel.
    """
    check_name(spec)
    if spec != AUTO:
        return _open(spec, file, threads), EngineChoice(spec, spec)
    *quicker, last = ENGINES
    reason: str | None = None
    for name in quicker:
        try:
            return _open(name, file, threads), EngineChoice(AUTO, name)
        except EngineUnavailable as error:
            reason = str(error) if error.notable else reason
            log.info("auto: not on %s: %s", name, error)
        except (EngineError, BadModel) as error:  # only the part for the accelerator may be bad
            reason = str(error)
            log.info("auto: not on %s: %s", name, error)
    try:
        return _open(last, file, threads), EngineChoice(AUTO, last, reason)
    except EngineUnavailable as error:
        raise EngineError(f"{reason}; and {error}" if reason else str(error)) from None


def _open(spec: str, file: ModelFile, threads: int | None) -> Engine:
    name, _, device = spec.partition(":")
    module, _, function = ENGINES[name].target.partition(":")
    engine = cast("Engine", getattr(import_module(f".{module}", __package__), function)(file, device, threads))
    log.info("engine %s: %s, %s threads", spec, engine.runtime, engine.threads)
    return engine
