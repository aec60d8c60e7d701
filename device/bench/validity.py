"""Validity of a measurement: no throttling, no swapping, no busy programs, and repeatable."""

from __future__ import annotations

from .bootstrap import Ratio, paired_ratio
from .measurement import Samples, Session
from .runner import Measure

SWAPPED_PAGES = 256
"""Tolerated number of swapped pages: a megabyte."""
CROWDED_CORES = 0.25
"""Cores that other programs may use beyond the free ones before they take time from the model."""
SELF_TOLERANCE = 0.05
"""Largest relative difference of a result to itself."""
SELF_CONFIDENCE = 0.99
"""Confidence for all results of a session together: 1 % of the sound sessions are rejected, not 5 %."""


def of_machine(session: Session, threads: int, cores: int | None) -> list[str]:
    """Return why the machine makes a combination with so many threads invalid, as text; empty if it does not."""
    return [reason for reason in (_throttled(session), _swapping(session), _busy(session, threads, cores)) if reason]


def of_itself(samples: Samples, seed: int, among: int = 1) -> Ratio:
    """Return the ratio of the two visits of each block, in alternating order: both measured the same thing.

    ``among``: number of results of the session. The error probability is divided among them (Bonferroni); otherwise a
    sweep of twenty networks would be rejected every fifth time.
    """
    pairs = [pair if number % 2 else pair[::-1] for number, pair in enumerate(samples.pairs_ms)]
    return paired_ratio([a for a, _ in pairs], [b for _, b in pairs], seed, 1 - (1 - SELF_CONFIDENCE) / among)


def differs(ratio: Ratio, measure: Measure) -> str | None:
    """Return why the two halves of a measurement differ too much, or None."""
    if abs(ratio.value - 1) <= SELF_TOLERANCE and ratio.holds(1.0):
        return None
    return (
        f"not repeatable: {measure} took {ratio.value:.3f} times as long ({ratio.low:.3f} to {ratio.high:.3f}) when measured "
        "again; the machine is too busy or too unsteady"
    )


def _throttled(session: Session) -> str | None:
    """Return when the machine throttled. Before counts too, because the machine is then still hot."""
    seen = [(state.at_s, name) for state in session.states for name in state.throttled or ()]
    if not seen:
        return None
    names = dict.fromkeys(name.replace("_", " ") for _, name in seen)
    first_s = seen[0][0]
    when = "before the measurement" if first_s <= 0 else f"from {first_s:.0f} s on"
    return f"throttled: {', '.join(names)}, {when}"


def _swapping(session: Session) -> str | None:
    before, after = session.before.swapped_pages, session.after.swapped_pages
    if before is None or after is None or after - before <= SWAPPED_PAGES:
        return None
    return f"swapping: {after - before} pages; close other programs, or use a smaller model"


def _busy(session: Session, threads: int, cores: int | None) -> str | None:
    before, after = session.before.busy_s, session.after.busy_s
    if before is None or after is None or not cores or session.seconds <= 0:
        return None
    others = (after - before - session.own_cpu_s) / session.seconds
    if others <= max(0, cores - threads) + CROWDED_CORES:
        return None
    return f"busy: other programs used {others:.1f} of {cores} cores, and the model needs {threads}; close them"
