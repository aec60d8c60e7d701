"""What a training that continues from an earlier model has that another does not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edgevision.datasets.dataset import Dataset
from edgevision.evaluation.evaluate import Evaluation
from edgevision.model_file.card import ModelCard

from ..config.request import TrainRequest
from ..input.splits import DatasetSplits
from ..monitor.observer import TrainingObserver
from ..network.network import Network
from .earlier_model import EarlierModel, open_earlier
from .head_weights import carry_over
from .judge import CANDIDATE, judge
from .proposal import Proposal
from .settings import continued_settings, open_all_photos, require_earlier_photos


@dataclass(frozen=True, slots=True, eq=False)
class Continuation:
    """The earlier model, and the request and the photos of the training that continues from it."""

    earlier: EarlierModel
    request: TrainRequest
    dataset: Dataset
    model_file = f"{CANDIDATE}.keras"
    """Name of the new model until it has been compared."""

    def card(self, card: ModelCard) -> ModelCard:
        """Return the card of the new model with the sha256 of the earlier one."""
        return card.with_(training={**(card.training or {}), "continued_from": self.earlier.sha256})

    def start(self, network: Network, watcher: TrainingObserver) -> None:
        """Give the network the last layer of the earlier model, or note why it cannot have it. Raises BadModel."""
        if self.earlier.arrays:
            carry_over(network, self.earlier)
            return
        watcher.note(
            f"{self.earlier.path} has int8 weights, which cannot be trained further: the network starts from "
            f"{network.origin.describe()}; for the trained ones, give --from its run folder or .keras"
        )

    def judge(
        self, model: Path, learning: DatasetSplits, evaluation: Evaluation | None, watcher: TrainingObserver
    ) -> tuple[Proposal, Evaluation | None]:
        """Return the proposal, and the evaluation with the final name of the model."""
        proposal = judge(self.earlier, model, learning, self.request.settings, self.request.photos, evaluation, watcher)
        watcher.note(proposal.reason())
        if evaluation is None:
            return proposal, None
        subject = replace(evaluation.result.subject, facts=proposal.facts[1])
        return proposal, replace(evaluation, result=replace(evaluation.result, subject=subject))


def open_continuation(request: TrainRequest) -> Continuation:
    """Open the earlier model and all photos. Raises MissingFile, BadModel, BadInput."""
    assert request.settings.from_run is not None
    earlier = open_earlier(Path(request.settings.from_run))
    settings = continued_settings(request.settings, earlier, request.photos)
    dataset = open_all_photos(request.photos, settings, earlier)
    require_earlier_photos(dataset, request.photos, earlier)
    return Continuation(earlier, replace(request, settings=settings), dataset)
