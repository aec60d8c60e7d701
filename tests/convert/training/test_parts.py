"""Parts of a training: head and loss, early stopping, overfitting, schedule and temperature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from edgevision.convert.training.fit.early_stopping import MIN_VALIDATION_IMAGES, Selection, is_perfect
from edgevision.convert.training.monitor import history
from edgevision.convert.training.network.head import goal_of

ROW = history.Epoch(1, "scratch", 1.0, 1e-3, 0.5, 0.8, 0.6, 0.75, "no augmentation")


def test_two_classes_have_one_output() -> None:
    goal = goal_of(("cat", "dog"), False)
    assert (goal.kind, goal.outputs, goal.task, goal.activation) == ("binary", 1, "classification", "sigmoid")
    assert goal.targets([("dog",), ("cat",)]).tolist() == [[1.0], [0.0]]


def test_heads_for_many_classes_and_for_many_labels() -> None:
    many = goal_of(("a", "b", "c"), False)
    assert (many.outputs, many.activation) == (3, "softmax")
    assert many.targets([("c",)]).tolist() == [[0.0, 0.0, 1.0]]
    several = goal_of(("a", "b"), True)
    assert (several.kind, several.outputs, several.task) == ("multilabel", 2, "multilabel")
    assert several.targets([("a", "b"), ()]).tolist() == [[1.0, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize("multilabel", [False, True])
def test_measure_is_the_mean_cross_entropy(multilabel: bool) -> None:
    goal = goal_of(("a", "b", "c"), multilabel)
    logits = np.array([[2.0, 0.0, -1.0], [500.0, -500.0, 0.0]], np.float32)
    targets = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    losses, right = goal.measure(targets, logits)
    if multilabel:
        p = 1 / (1 + np.exp(-logits[0].astype(np.float64)))
        expected = -(np.log(p[0]) + np.log(1 - p[1]) + np.log(1 - p[2])) / 3
        assert right.tolist() == [True, False]
    else:
        expected = -np.log(np.exp(2) / np.exp([2, 0, -1]).sum())
        assert right.tolist() == [True, False]
    np.testing.assert_allclose(losses[0], expected, rtol=1e-6)
    assert np.isfinite(losses).all() and losses[1] > 100


def test_rare_classes_are_weighted_higher_if_imbalanced() -> None:
    goal = goal_of(("a", "b", "c"), False)
    even = goal.targets([("a",)] * 6 + [("b",)] * 4 + [("c",)] * 5)
    assert goal.picture_weights(even, "auto").tolist() == [1.0] * 15
    odd = goal.targets([("a",)] * 12 + [("b",)] * 2 + [("c",)] * 4)
    weights = goal.picture_weights(odd, "auto")
    np.testing.assert_allclose(weights.mean(), 1.0, rtol=1e-6)
    sums = odd.T @ weights
    np.testing.assert_allclose(sums, sums[0], rtol=1e-5)
    assert goal.picture_weights(odd, "none").tolist() == [1.0] * 18
    assert goal.picture_weights(even, "balanced").max() > 1.0


def test_rare_labels_are_weighted_higher() -> None:
    goal = goal_of(("a", "b"), True)
    targets = goal.targets([("a",)] * 8 + [("a", "b")])
    assert goal.positive_weights(targets, "auto").tolist() == [1.0, pytest.approx(8**0.5)]
    assert goal.positive_weights(targets, "none").tolist() == [1.0, 1.0]


@pytest.mark.tensorflow
@pytest.mark.parametrize(("classes", "multilabel"), [(2, False), (3, False), (3, True)])
def test_training_loss_equals_the_measured_loss(classes: int, multilabel: bool) -> None:
    goal = goal_of(tuple("abc"[:classes]), multilabel)
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (5, goal.outputs)).astype(np.float32)
    targets = goal.targets([("a",), ("b",), ("b",), ("a", "b") if multilabel else ("a",), ("b",)])
    losses, right = goal.measure(targets, logits)
    found = np.asarray(goal.loss(0.0, np.ones(goal.outputs, np.float32))(targets, logits))
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    np.testing.assert_array_equal(np.asarray(goal.accuracy()(targets, logits)), right)
    smooth = np.asarray(goal.loss(0.2, np.ones(goal.outputs, np.float32))(targets, 20 * logits))
    np.testing.assert_allclose(smooth, goal.measure(targets, 20 * logits, 0.2)[0], rtol=1e-5)
    assert (smooth > 0.5).all()


def test_phase_changes_nothing_if_it_never_beats_the_one_before() -> None:
    base = np.full(100, 0.5)
    selection = Selection()
    assert selection.judge(base, 1)
    selection.next_phase()
    noise = np.random.default_rng(0).normal(0, 0.1, 100)
    assert not selection.judge(base + 0.005 + noise - noise.mean(), 2)  # worse, if not clearly
    assert selection.epoch == 1
    assert selection.judge(base - 0.01, 3)
    assert selection.judge(
        base - 0.005 + noise - noise.mean(), 4
    )  # not clearly worse than the third, and below the first
    assert (selection.epoch, selection.kept) == (4, pytest.approx(0.495))


def test_later_weights_are_kept_unless_clearly_worse() -> None:
    random = np.random.default_rng(0)
    base = random.uniform(0.1, 0.9, 100)
    selection = Selection()
    assert selection.judge(base, 1)
    assert selection.judge(base - 0.05 + random.normal(0, 0.05, 100), 2)
    assert not selection.judge(base + 0.2, 3)
    assert (selection.epoch, selection.waited) == (2, 1)
    assert selection.judge(base - 0.05 + random.normal(0, 0.3, 100) * 0.1, 4)
    assert (selection.epoch, selection.waited) == (4, 0)


@pytest.mark.parametrize("pictures", [0, 10, MIN_VALIDATION_IMAGES - 1])
def test_last_epoch_is_kept_with_few_validation_images(pictures: int) -> None:
    selection = Selection()
    assert [selection.judge(np.full(pictures, loss), n) for n, loss in enumerate((0.5, 0.1, 0.9), 1)] == [
        True,
        True,
        True,
    ]
    assert (selection.epoch, selection.waited) == (3, 0)


def test_phase_ends_after_epochs_without_a_mistake() -> None:
    perfect = replace(ROW, accuracy=1.0, val_accuracy=1.0)
    assert is_perfect([perfect] * 3, ROW.phase) and is_perfect([replace(perfect, val_accuracy=None)] * 3, ROW.phase)
    assert not is_perfect([perfect] * 2, ROW.phase)
    assert not is_perfect([perfect, perfect, replace(perfect, val_accuracy=0.9)], ROW.phase)
    assert not is_perfect([replace(perfect, accuracy=0.999), perfect, perfect], ROW.phase)
    assert not is_perfect([replace(perfect, phase="other"), perfect, perfect], ROW.phase)


def test_overfitting_is_reported_only_if_present() -> None:
    rows = [
        replace(ROW, epoch=n, accuracy=a, val_accuracy=v, val_loss=x)
        for n, a, v, x in [(1, 0.7, 0.7, 0.6), (2, 0.99, 0.8, 0.9)]
    ]
    found = history.overfitting(rows, 200, kept=1)
    assert found is not None and found.found
    assert (
        "overfits" in found.describe()
        and "19.0 points" in found.describe()
        and "1.5 times its best value (epoch 1)" in found.describe()
    )
    six = history.overfitting(rows, 6, kept=1)
    assert six is not None and not six.found and "cannot be told from 6 validation images" in six.describe()
    assert "pretrained" not in found.describe() and "What may help: more images." in found.describe(("more images",))
    fine = history.overfitting([ROW], 200, kept=1)
    assert fine is not None and not fine.found and "5.0 points below" in fine.describe()
    assert history.overfitting([replace(ROW, val_loss=None, val_accuracy=None)], 0, kept=1) is None
    assert history.overfitting([], 0, kept=0) is None


def test_history_survives_a_round_trip_with_unknown_values_empty() -> None:
    rows = [ROW, replace(ROW, epoch=2, val_loss=None, val_accuracy=None, applied='flip "x", noise')]
    assert history.from_json(history.to_json(rows), history.Epoch) == rows
    lines = history.dumps(rows, history.Epoch).splitlines()
    assert lines[0] == "epoch,phase,seconds,lr,loss,accuracy,val_loss,val_accuracy,applied"
    assert lines[2].startswith("2,scratch,1,0.001,0.5,0.8,,,")


@pytest.mark.tensorflow
def test_learning_rate_warms_up_and_decays() -> None:
    from edgevision.convert.training.fit.paced_schedule import PacedSchedule
    from edgevision.convert.training.fit.schedule import FLOOR, Schedule

    whole = PacedSchedule(Schedule(0.01, 8, 10))
    rates = [float(whole(step)) for step in range(80)]
    assert rates[0] < 0.001
    assert rates[10] == pytest.approx(0.01)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.01 * FLOOR, rel=0.2)
    constant = PacedSchedule(Schedule(0.01, 8, 10, "constant"))
    assert [float(constant(step)) for step in (20, 79)] == [pytest.approx(0.01)] * 2
    assert float(PacedSchedule(Schedule(0.01, 1, 1))(0)) > 0


@pytest.mark.tensorflow
def test_shortened_schedule_goes_on_smoothly_to_the_same_end() -> None:
    from edgevision.convert.training.fit.paced_schedule import PacedSchedule
    from edgevision.convert.training.fit.schedule import FLOOR, Schedule

    planned = Schedule(0.01, 20, 10)
    pace = PacedSchedule(planned)
    rates = [float(pace(step)) for step in range(100)]
    shortened = planned.ending(10, 15)
    pace.follow(shortened)
    rates += [float(pace(step)) for step in range(100, 120)]
    pace.follow(shortened.ending(12, 14))
    rates += [float(pace(step)) for step in range(120, 140)]
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(np.abs(np.diff(rates[10:]))) < 0.0005
    assert rates[-1] == pytest.approx(0.01 * FLOOR, rel=0.5)


@pytest.mark.tensorflow
def test_rates_fall_with_depth() -> None:
    from edgevision.convert.training.fit.graded_optimizer import scales_by_depth
    from edgevision.convert.training.network.backbones import BackboneSpec
    from edgevision.convert.training.network.network import open_network

    network = open_network(BackboneSpec("mobilenet", 32, 0.25), goal_of(("a", "b"), False), "none", 0.0)
    scales = scales_by_depth(network, 0.5)

    def of(name: str) -> list[float]:
        return [scales[id(one)] for one in network.backbone.get_layer(name).trainable_variables]

    assert network.block_count == 13
    assert of("conv_pw_13") == [0.5] and of("conv_dw_13_bn") == [0.5, 0.5]
    assert of("conv_pw_12") == [0.25] and of("conv_pw_1") == [0.5**13] and of("conv1") == [0.5**14]


@pytest.mark.tensorflow
def test_a_scale_of_a_rate_slows_its_variable() -> None:
    import keras
    from edgevision.convert.training.fit.graded_optimizer import GradedAdamW

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), keras.layers.Dense(1)])
    still, other = (layer.kernel for layer in model.layers)
    before = [still.numpy().copy(), other.numpy().copy()]
    model.compile(GradedAdamW(0.1, 0.0, {id(still): 0.0}, 5.0), "mse", jit_compile=False)
    model.fit(np.ones((4, 2)), np.full((4, 1), 9.0), verbose=0)
    np.testing.assert_array_equal(still.numpy(), before[0])
    assert abs(other.numpy() - before[1]).max() > 0.05


@pytest.mark.parametrize("classes", [2, 4])
def test_temperature_recovers_the_scale_of_the_logits(classes: int) -> None:
    from edgevision.convert.training.fit.temperature_scaling import HIGH, LOW, best_temperature

    goal = goal_of(tuple("abcd"[:classes]), False)
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (4000, goal.outputs)).astype(np.float32)
    chances = 1 / (1 + np.exp(-logits[:, 0])) if classes == 2 else None
    if chances is not None:
        targets = (random.random(4000) < chances)[:, None].astype(np.float32)
    else:
        shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        targets = np.stack(
            [random.multinomial(1, row) for row in shares.astype(np.float64) / shares.sum(1, keepdims=True)]
        )
    for factor in (0.6, 1.0, 2.0):
        assert best_temperature(goal, targets.astype(np.float32), logits * factor) == pytest.approx(factor, rel=0.1)
    sure = (20 * targets - 10).astype(np.float32)
    assert LOW <= best_temperature(goal, targets.astype(np.float32), sure) <= HIGH
