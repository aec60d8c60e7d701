"""Turn a measured session into results: validity of each, and ratios to the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgevision.log import Log

from .bare_model import BareModel
from .bootstrap import paired_ratio
from .cold_start import ColdStart
from .measurement import Session
from .result import Named, Result
from .runner import Combination, ModelSubject
from .validity import differs, of_itself, of_machine

log = Log("edgevision.bench")


def judged(
    subjects: Sequence[ModelSubject], starts: Sequence[ColdStart], session: Session, seed: int, cores: int | None
) -> tuple[list[Result], list[Named]]:
    """Return the results in the order of the subjects, and the ratios of each to itself and to the first."""
    results, ratios = [], []
    for subject, start in zip(subjects, starts, strict=True):
        measured = session.measured[subject.id]
        itself = of_itself(measured.samples["predict"], seed, len(subjects))
        ratios.append(Named(subject.id, subject.id, "predict_ms", itself))
        doubt = differs(itself, "predict")
        invalid = [*of_machine(session, subject.combination.threads, cores), *([doubt] if doubt else [])]
        log.info("%s: cold start %s ms; %s", subject.id, start.ms["total"], "; ".join(invalid) or "valid")
        results.append(_result(subject, start, session, invalid))
    return results, ratios + _against_first(session, seed)


def _result(subject: ModelSubject, start: ColdStart, session: Session, invalid: list[str]) -> Result:
    combination = subject.combination
    return Result(
        id=subject.id,
        model=_model_facts(subject),
        engine=_engine_facts(subject),
        threads=combination.threads,
        source=combination.source,
        cold_start_ms=start.ms,
        memory_mb=start.memory_mb,
        measured=session.measured[subject.id],
        stages_ms=subject.stages(),
        state=[state.to_json() for state in session.states],
        invalid=invalid,
        not_measured=subject.not_measured,
    )


def _against_first(session: Session, seed: int) -> list[Named]:
    """Return the ratio of each result to the first, paired by block."""
    (name, first), *others = session.measured.items()
    return [
        Named(other, name, f"{measure}_ms", paired_ratio(samples.blocks_ms, first.samples[measure].blocks_ms, seed))
        for other, measured in others
        for measure, samples in measured.samples.items()
    ]


def _model_facts(subject: ModelSubject) -> dict[str, Any]:
    from edgevision.evaluation.scorers import facts

    model = subject.model
    if isinstance(model, BareModel):
        return _bare_facts(model, subject.combination)
    known = facts(model.path, model)
    return {
        "path": str(subject.combination.path),
        "name": model.card.name,
        "sha256": model.sha256,
        "bytes": known.bytes,
        "task": model.card.task,
        "mode": known.mode,
        "network": _network(model.card.training),
    }


def _bare_facts(model: BareModel, combination: Combination) -> dict[str, Any]:
    from edgevision.evaluation.scorers import mode_of

    facts = {"path": str(combination.path), "name": model.name, "sha256": model.sha256}
    mode = mode_of(model.engine.inputs)
    return facts | {"bytes": combination.path.stat().st_size, "task": None, "mode": mode, "network": None}


def _network(training: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the network's name and size, if the training recorded them."""
    found = (training or {}).get("backbone")
    if not isinstance(found, dict):
        return None
    return {name: found.get(name) for name in ("name", "alpha", "image_size")}


def _engine_facts(subject: ModelSubject) -> dict[str, Any]:
    from ..telemetry.summary import engine_facts

    found = engine_facts(subject.model.engine, subject.model.choice)
    return {key: value for key, value in found.items() if key != "threads"}
