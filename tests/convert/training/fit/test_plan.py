"""Training plan: defaults by weights, and values that are given."""

from __future__ import annotations

import pytest
from edgevision.convert.training.config.augmentation import PRESETS
from edgevision.convert.training.config.settings import TrainSettings
from edgevision.convert.training.fit.plan import BEST_TIME_S, DEFAULT_TIME_S, TrainPlan, check_settings, make_plan
from edgevision.convert.training.network.backbones import BackboneSpec
from edgevision.convert.training.network.head import goal_of
from edgevision.convert.training.network.network import Network, open_network

from edgevision.errors import BadInput

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def network() -> Network:
    """Return a small network of 13 blocks."""
    return open_network(BackboneSpec("mobilenet", 32, 0.25), goal_of(("a", "b"), False), "none", 0.0)


def _plan(network: Network, pictures: int = 500, **settings: object) -> TrainPlan:
    return make_plan(TrainSettings(**{"weights": "imagenet", **settings}), network, pictures, gpu=False)  # type: ignore[arg-type]


def test_all_blocks_are_fine_tuned_unless_features_are_computed_once(network: Network) -> None:
    assert _plan(network).fine_tune_blocks == 13
    assert _plan(network, fine_tune_blocks=99).fine_tune_blocks == 13
    assert _plan(network, fine_tune_blocks=0).fine_tune_blocks == 0
    once = _plan(network, features="once")
    assert (once.fine_tune_blocks, once.once) == (network.choice.row.fine_tune_blocks, True)


def test_starter_weights_move_further(network: Network) -> None:
    imagenet, starter = _plan(network), _plan(network, weights="starter")
    assert starter.learning_rate > imagenet.learning_rate and starter.epochs > imagenet.epochs
    assert (starter.layer_decay, starter.augmentation) == (1.0, PRESETS["strong"])
    assert (imagenet.layer_decay, imagenet.augmentation) == (1.0, PRESETS["light"])
    given = _plan(network, weights="starter", augment="none", layer_decay=0.5, learning_rate=0.1, epochs=3)
    assert (given.layer_decay, given.learning_rate, given.epochs) == (0.5, 0.1, 3)
    assert not given.augmentation


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"quality": "fast", "fine_tune_blocks": 3}, "trains only the last layer"),
        ({"quality": "best", "features": "once"}, "omit --features once"),
        ({"quality": "best", "fine_tune_blocks": 0}, "omit --fine-tune-blocks 0"),
    ],
)
def test_contradictory_settings_are_one_line(settings: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        check_settings(TrainSettings(**settings))  # type: ignore[arg-type]


def test_quality_fast_trains_only_the_last_layer(network: Network) -> None:
    assert _plan(network, quality="fast").fine_tune_blocks == 0
    assert _plan(network, quality="best").time_s == BEST_TIME_S


def test_time_is_limited_unless_epochs_are_given(network: Network) -> None:
    assert _plan(network).time_s == DEFAULT_TIME_S
    assert _plan(network, epochs=5).time_s is None
    assert _plan(network, epochs=5, time_s=60.0).time_s == 60.0


@pytest.mark.parametrize(("pictures", "passes"), [(20, 51), (500, 2), (5000, 1)])
def test_small_sets_are_shown_several_times_per_epoch(network: Network, pictures: int, passes: int) -> None:
    assert _plan(network, pictures).passes(pictures) == passes
