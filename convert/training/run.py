"""``edgevision train``: from a folder of photos to a run folder with a model, metrics and a report."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.datasets.boxes.open_boxes import find_format
from edgevision.datasets.dataset import Dataset
from edgevision.errors import BadInput, GateNotMet
from edgevision.files import run_folder
from edgevision.files.atomic import write_text
from edgevision.log import Log
from edgevision.preprocessing.pixel_limit import set_max_pixels

from .. import backend
from .assemble import assemble, require_same_split
from .cluster.team import Team
from .cluster.tf_config import named_cluster, require_one_machine
from .cluster.worker_result import WorkerResult
from .config.request import TrainRequest as TrainRequest
from .config.settings import TrainSettings
from .continuation.continuation import Continuation, open_continuation
from .distillation.choose_teacher import choose_teacher
from .distillation.distill import distill
from .distillation.teacher import Teacher, open_teacher
from .fit import checkpoint, tried
from .fit.checkpoint import State
from .fit.epochs import Checkpointer
from .fit.fit import fit
from .fit.plan import BEST, TrainPlan, check_settings, make_plan, settled
from .fit.time_budget import TimeBudget
from .fit.trials import Search, kept_plan
from .folder import HISTORY_FILE, list_outputs, own_run, record, require_free, share_checkpoint
from .folder import resumed as resumed
from .input.splits import DatasetSplits, Sets, open_photos, open_sets, prepare, with_unlabeled
from .linear_probe.choose_method import LINEAR, choose_method, fractions
from .linear_probe.fit_linear import LinearFit, curve_of, fit_linear
from .linear_probe.learning_curve import LearningCurve
from .machine import machine
from .monitor import history
from .monitor.history import Epoch
from .monitor.observer import TrainingObserver
from .monitor.tensorboard import TensorBoardWatcher
from .negatives.negative_sets import NegativeSets, open_negatives
from .network.backbones import COLOR
from .network.network import Network, open_network
from .network.resolve_auto import choose, decide
from .report import contact_sheets, outputs
from .report.result import TrainResult

if TYPE_CHECKING:
    from .anomaly.result import AnomalyResult
    from .detector.result import DetectorResult
    from .remote_trials.ray_cluster import RayCluster

log = Log("edgevision.train")


def train(
    request: TrainRequest, watcher: TrainingObserver, clock: Callable[[], float] = time.monotonic
) -> TrainResult | DetectorResult | AnomalyResult | WorkerResult:
    """Train a classifier on a folder of photos, or a detector if they have boxes, and write a run folder.

    Args:
        request: Photos, settings and the parent of the run folder.
        watcher: Observer that receives notes and progress.
        clock: Clock, in seconds, by which the time of a classifier's training is limited.

    Returns:
        The result with the paths, the history and the evaluation on the test images; a WorkerResult on a machine that helps
        another one, the chief.

    Raises:
        EdgeVisionError: A setting, a photo set or a weights file is unusable; most errors occur before anything is
            written.
    """
    require_free(request)
    if request.ray is not None and (request.settings.quality != BEST or request.settings.task == "anomaly"):
        raise BadInput("--ray runs the trials of --quality best of a classifier; add --quality best, or omit --ray")
    set_max_pixels(request.settings.max_pixels)
    if request.settings.task == "anomaly":
        require_color(request.settings, "models that find anomalies")
        from .anomaly.run import train_anomaly

        require_one_machine("--task anomaly")
        return train_anomaly(request, watcher)
    if find_format(request.photos) is not None:
        if request.settings.from_run is not None:
            raise BadInput(f"{request.photos} has boxes, and --from continues classifiers only; train without --from")
        from .detector.run import train_detector

        require_one_machine("the training of a detector")
        require_color(request.settings, "detectors")
        if request.ray is not None:
            raise BadInput(f"{request.photos} has boxes, and --ray is for classifiers only; omit it")
        if request.settings.negatives is not None:
            raise BadInput("--negatives is for classifiers; give a detector photos without boxes among the others")
        return train_detector(request, watcher)
    if request.settings.head is not None:
        raise BadInput(
            f"--head {request.settings.head} needs photos with boxes, but {request.photos} has none that are known; "
            "omit it to train a classifier, or add annotations (Pascal VOC, COCO, YOLO and others)"
        )
    return _train_classifier(request, watcher, clock)


def require_color(settings: TrainSettings, kind: str) -> None:
    """Refuse gray images for tasks whose augmentation or reports need color. Raises BadInput."""
    if settings.channels != COLOR:
        raise BadInput(f"--channels {settings.channels} is for classifiers, but {kind} need color; leave it out")


def _train_classifier(
    request: TrainRequest, watcher: TrainingObserver, clock: Callable[[], float]
) -> TrainResult | WorkerResult:
    started = clock()
    check_settings(request.settings)
    with _cluster(request, watcher.note) as cluster:
        return _train_on(request, cluster, watcher, clock, started)


def _cluster(request: TrainRequest, note: Callable[[str], None]) -> AbstractContextManager[RayCluster | None]:
    """Return the Ray cluster of ``--ray``, if it is given. Raises BadInput, RemoteUnreachable."""
    if request.ray is None:
        return nullcontext()
    from .remote_trials.ray_cluster import open_cluster

    require_one_machine("--ray")
    return open_cluster(request.ray, note)


def _train_on(
    request: TrainRequest,
    cluster: RayCluster | None,
    watcher: TrainingObserver,
    clock: Callable[[], float],
    started: float,
) -> TrainResult | WorkerResult:
    continuation = open_continuation(request) if request.settings.from_run is not None else None
    if continuation is not None:
        request, dataset = continuation.request, continuation.dataset
    else:
        dataset = open_photos(request.photos, request.settings)
    with watcher.stage("Loading TensorFlow and the weights", None):
        settings = decide(request.settings, watcher)
        alone = named_cluster() is None
        settings = replace(settings, teacher=choose_teacher(settings, dataset, alone, watcher.note))
        settings = replace(settings, head_method=choose_method(settings, dataset, watcher.note))
        request = replace(request, settings=settings)
        choice = choose(settings)
        backend.keras()
    negatives = _negatives(settings, dataset, watcher)
    team = assemble(settings, dataset, watcher.note)
    if team.size > 1:
        started = clock()  # waiting for the others does not count
    with machine(settings, own_steps=team.size > 1) as gpus, team.lost_as_error():
        with watcher.stage("Preparing the network", None):
            network = _first_network(dataset.classes, dataset.multilabel, choice, settings)
            if continuation is not None:
                continuation.start(network, watcher)
            teacher = open_teacher(settings, network)
        with own_run(request, team) as run:
            team.folder = team.share_bytes(str(run.folder).encode()).decode()
            record(run.folder, settings, request.photos)
            known = continuation.earlier.known if continuation is not None else None
            learning = prepare(dataset, settings, run.folder, watcher, known, fractions(settings.head_method))
            require_same_split(team, learning)
            if teacher is not None:
                learning = with_unlabeled(learning, watcher)
            plan = make_plan(settings, network, len(learning.train), gpus > 0 and team.size == 1)
            record(run.folder, settled(settings, plan), request.photos)
            outputs.announce(
                network, plan, learning, settings.resize_or("crop"), settings.head_method == LINEAR, watcher
            )
            budget = None if plan.time_s is None else TimeBudget(plan.time_s, team.number(started), team.clock(clock))
            search = None if cluster is None else cluster.search(run.folder)
            fitted = _fit(
                run.folder, network, teacher, plan, learning, settings, negatives, budget, watcher, team, search
            )
            if not team.is_chief:
                team.decide(True)  # wait for the chief, which takes a machine that ends for a lost one
                return WorkerResult(team.rank, team.size, team.folder, len(fitted.state.history))
            plan = kept_plan(plan, fitted.state.tried)
            record(run.folder, settled(settings, plan, fitted.state.epochs), request.photos)
            result = _finish(run, network, plan, learning, fitted, negatives, request, continuation, watcher)
            team.decide(True)
    return result


def _negatives(settings: TrainSettings, dataset: Dataset, watcher: TrainingObserver) -> NegativeSets | None:
    """Return the negatives that the settings name. Raises MissingFile, BadInput."""
    if settings.negatives is None:
        return None
    if dataset.multilabel:
        raise BadInput(
            f"--negatives is for one label per image, but images of {dataset.path} have several; put images without a "
            "label into the photos instead"
        )
    return open_negatives(settings.negatives, settings.head_method == LINEAR, dataset.items, watcher)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """What training leaves beside the weights of the network."""

    state: State[Epoch]
    linear: LinearFit | None = None
    """The linear head; None after training by gradient."""
    curve: LearningCurve | None = None
    """What more photos would bring; None if it was not measured."""


def _fit(
    folder: Path,
    network: Network,
    teacher: Teacher | None,
    plan: TrainPlan,
    learning: DatasetSplits,
    settings: TrainSettings,
    negatives: NegativeSets | None,
    budget: TimeBudget | None,
    watcher: TrainingObserver,
    team: Team,
    search: Search | None,
) -> _Fitted:
    """Train the network: its head in one step, or in epochs, of which an interrupted run has some behind it."""
    preprocessing = plan.choice.preprocessing(settings.resize_or("crop"))
    if settings.head_method == LINEAR:
        sets = open_sets(learning, preprocessing, settings, folder, watcher)
        try:
            linear = fit_linear(network, learning, sets, negatives, plan.seed, watcher)
        finally:
            sets.pixels.close()
        return _Fitted(State[Epoch](temperature=linear.temperature, finished=True), linear, linear.curve)
    share_checkpoint(folder, team)
    state = checkpoint.open_state(folder, Epoch, network.origin.sha256, plan.weights)
    if state.finished:
        network.assign(state.kept_weights or state.weights)
        return _Fitted(state)
    if budget is not None:
        budget.started -= sum(row.seconds for row in state.history)

    def keep(state: State[Epoch]) -> None:
        if not team.is_chief:
            return
        checkpoint.write(folder, state)
        write_text(folder / HISTORY_FILE, history.dumps(state.history, Epoch))

    if settings.tensorboard:
        watcher = TensorBoardWatcher(folder, watcher)
    sets = open_sets(learning, preprocessing, settings, folder, watcher)
    try:
        curve = _before(folder, network, plan, learning, sets, watcher) if team.is_chief else None
        if teacher is not None:
            lesson = distill(network, teacher, plan, sets, learning, settings, folder, watcher)
            sets, plan = lesson.sets, lesson.plan
        fit(network, plan, sets, state, Checkpointer(keep), watcher, budget, team, search)
    finally:
        sets.pixels.close()
    return _Fitted(state, curve=curve)


def _before(
    folder: Path, network: Network, plan: TrainPlan, learning: DatasetSplits, sets: Sets, watcher: TrainingObserver
) -> LearningCurve | None:
    """Show some training images, and measure what more photos would bring to the network before it is trained."""
    names = [", ".join(item.labels) for item in learning.train]
    contact_sheets.write_samples(sets.train, names, plan.applied, plan.seed, folder / outputs.SAMPLES_FILE)
    return None if plan.scratch else curve_of(network, learning, sets, plan.seed, watcher)


def _finish(
    run: run_folder.Run,
    network: Network,
    plan: TrainPlan,
    learning: DatasetSplits,
    fitted: _Fitted,
    negatives: NegativeSets | None,
    request: TrainRequest,
    continuation: Continuation | None,
    watcher: TrainingObserver,
) -> TrainResult:
    """Write the model, evaluate it on the test images and write the reports."""
    folder, settings, state = run.folder, request.settings, fitted.state
    deployed = outputs.in_float32(network, settings)
    card = outputs.make_card(network, plan, learning, state, settings, fitted.linear, negatives)
    card, threshold = outputs.with_threshold(
        deployed, card, learning, fitted.linear, negatives, settings.false_alarms, watcher
    )
    model_file = outputs.MODEL_FILE
    if continuation is not None:
        card, model_file = continuation.card(card), continuation.model_file
    model = outputs.write_model(folder, deployed, card, settings, model_file)
    write_text(folder / HISTORY_FILE, history.dumps(state.history, Epoch))
    if state.tried:
        write_text(folder / tried.FILE, tried.dumps(state.tried))
    evaluation = outputs.score(model, learning, fitted.linear, request.photos, watcher)
    proposal = None
    if continuation is not None:
        proposal, evaluation = continuation.judge(model, learning, evaluation, watcher)
        model = Path(proposal.model)
        run.exit_code = 0 if proposal.accepted else GateNotMet.exit_code
    result = TrainResult(
        folder=folder,
        model=model,
        photos=request.photos,
        settings=settings,
        plan=plan,
        learning=learning,
        origin=network.origin.describe(),
        history=tuple(state.history),
        kept=state.selection.epoch,
        temperature=state.temperature,
        tried=tuple(state.tried),
        evaluation=evaluation,
        threshold=threshold,
        linear=fitted.linear,
        curve=fitted.curve,
        proposal=proposal,
    )
    outputs.write_reports(result, watcher)
    list_outputs(run)
    return result


def _first_network(classes: tuple[str, ...], multilabel: bool, choice: Any, settings: TrainSettings) -> Network:
    from .network.head import goal_of

    return open_network(choice, goal_of(classes, multilabel), settings.weights, settings.dropout)
