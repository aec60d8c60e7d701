"""The part of ``edgevision evaluate`` that is about anomalies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .terminal import bar, say, say_json, show

if TYPE_CHECKING:
    from ..evaluation.anomaly import Area
    from ..evaluation.intervals import Proportion
    from ..evaluation.opening import OpenedModels
    from ..evaluation.options import EvaluateOptions


def evaluate_anomaly(request: EvaluateOptions, models: OpenedModels, as_json: bool, quiet: bool) -> None:
    """Evaluate an open model for anomalies on folders of good and other images, and print the results."""
    from ..evaluation.anomaly import find_images, run
    from ..next_command import run_command
    from ..reporting.terminal import table

    images = find_images(request.photos)
    with bar("evaluating", sum(map(len, images.values())), quiet) as step:
        done, folder = run(request, models, images, step)
    if as_json:
        say_json(done.to_json())
        return
    rows = [(kind.name, str(kind.images), _area(kind.auc), _share(kind.found)) for kind in done.kinds]
    show(table(("anomalous", ">images", "ROC AUC (95 %)", f"score at least {done.threshold:g}"), rows))
    if done.skipped:
        say(f"{done.skipped} damaged files left out")
    say(
        f"ROC AUC {_area(done.auc)}; found {_share(done.found)} of the anomalous images; "
        f"false alarms on {_share(done.false_alarms)} of the good ones"
    )
    say(str(folder.folder.absolute()))
    say(f"next: {run_command(str(done.model['path']), images=request.photos)}")


def _area(found: Area) -> str:
    return f"{found.value:.3f} ({found.low:.3f}..{found.high:.3f})"


def _share(found: Proportion) -> str:
    return f"{found.count} of {found.total} ({100 * found.low:.0f}..{100 * found.high:.0f} %)"
