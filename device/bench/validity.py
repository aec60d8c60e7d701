"""Whether a measurement can be believed: not throttled, not swapping, not crowded out, and equal to itself."""

from __future__ import annotations

from .bootstrap import Ratio, paired_ratio
from .measuring import Samples, Session
from .subject import Measure

SWAPPED_PAGES = 256
"""A megabyte; a page now and then disturbs nobody."""
CROWDED_CORES = 0.25
"""So much more than the free cores may others compute before they take time from the model."""
SELF_TOLERANCE = 0.05
SELF_CONFIDENCE = 0.99
"""So that one sound session in a hundred is refused, not one in twenty, however many results it has."""


def of_machine(session: Session, threads: int, cores: int | None) -> list[str]:
    """Reasons not to believe a combination with so many threads, for people; none: nothing speaks against it."""
    return [reason for reason in (_throttled(session), _swapping(session), _busy(session, threads, cores)) if reason]


def of_itself(samples: Samples, seed: int, among: int = 1) -> Ratio:
    """One visit of each block against the other, which one changing from block to block: the same thing, twice.

    ``among``: results of the session. Each has its share of the doubt (Bonferroni), or a sweep of twenty networks would
    be refused every fifth time.
    """
    pairs = [pair if number % 2 else pair[::-1] for number, pair in enumerate(samples.pairs_ms)]
    return paired_ratio([a for a, _ in pairs], [b for _, b in pairs], seed, 1 - (1 - SELF_CONFIDENCE) / among)


def differs(ratio: Ratio, measure: Measure) -> str | None:
    """Why the two halves of one measurement are not equal enough."""
    if abs(ratio.value - 1) <= SELF_TOLERANCE and ratio.holds(1.0):
        return None
    return (
        f"the same {measure} differs from itself: measured twice alternately, {ratio.value:.3f} times as long "
        f"({ratio.low:.3f} to {ratio.high:.3f}); the machine is too busy or too unsteady"
    )


def _throttled(session: Session) -> str | None:
    """Before, during and after count alike: heat of before is heat of now."""
    seen = [(state.at_s, name) for state in session.states for name in state.throttled or ()]
    if not seen:
        return None
    names = dict.fromkeys(name.replace("_", " ") for _, name in seen)
    first_s = seen[0][0]
    when = "before it began" if first_s <= 0 else f"from {first_s:.0f} s on"
    return f"throttled: {', '.join(names)}, {when}"


def _swapping(session: Session) -> str | None:
    before, after = session.before.swapped_pages, session.after.swapped_pages
    if before is None or after is None or after - before <= SWAPPED_PAGES:
        return None
    return f"swapping: {after - before} pages were moved; close other programs, or take a smaller model"


def _busy(session: Session, threads: int, cores: int | None) -> str | None:
    before, after = session.before.busy_s, session.after.busy_s
    if before is None or after is None or not cores or session.seconds <= 0:
        return None
    others = (after - before - session.own_cpu_s) / session.seconds
    if others <= max(0, cores - threads) + CROWDED_CORES:
        return None
    return f"busy: other programs used {others:.1f} of {cores} cores, and {threads} are the model's; end them"
