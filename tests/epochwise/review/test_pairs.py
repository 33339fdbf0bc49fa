from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score

from epochwise.review.pairs import (
    Images,
    NotComparableError,
    Training,
    compare_images,
    compare_predictions,
    match,
)
from epochwise.review.statistics import Noise, Verdict, mcnemar_estimate

SAME_MODEL = Training(False, {}, {})


@pytest.fixture
def reviews() -> pd.DataFrame:
    random = np.random.default_rng(0)
    labels = np.arange(300) % 2
    likely = 1 / (1 + np.exp(-random.normal(labels - 0.5)))
    columns = {"id": np.arange(300), "label": labels, "probability": likely}
    return pd.DataFrame(columns).assign(predicted=(likely >= 0.5).astype(int))


def images(count: int, wrong: list[int]) -> pd.DataFrame:
    labels = np.arange(count) % 10
    predicted = labels.copy()
    predicted[wrong] += 1
    return pd.DataFrame({"id": np.arange(count), "label": labels, "predicted": predicted})


def test_values_and_differences_are_those_of_scikit_learn(reviews: pd.DataFrame) -> None:
    new = reviews.assign(probability=reviews["probability"] ** 2 * (1 + reviews["label"] / 9))
    new["predicted"] = (new["probability"] >= 0.4).astype(int)
    compared = compare_predictions("binary", reviews, new, SAME_MODEL, 0).comparisons
    measures = (
        (roc_auc_score, "probability"),
        (balanced_accuracy_score, "predicted"),
        (partial(recall_score, pos_label=0), "predicted"),
        (partial(recall_score, pos_label=1), "predicted"),
    )
    for found, (measure, column) in zip(compared, measures, strict=True):
        assert found.old == pytest.approx(measure(reviews["label"], reviews[column]))
        assert found.new == pytest.approx(measure(new["label"], new[column]))
        assert found.found.difference == pytest.approx(found.new - found.old)
        assert found.found.low < found.found.difference < found.found.high


@given(st.permutations(range(60)), st.integers(30, 60))
def test_samples_are_matched_by_id_whatever_their_order(order: list[int], kept: int) -> None:
    old = images(60, [1, 2, 3])
    new = images(60, [3, 4]).iloc[order].iloc[:kept]
    left, right, shared = match(old, new)
    assert list(left["id"]) == list(right["id"])
    assert (shared.samples, shared.old, shared.new) == (kept, 60, kept)
    assert shared.whole == (kept == 60)


def test_a_threshold_alone_leaves_the_roc_curve_unchanged(reviews: pd.DataFrame) -> None:
    new = reviews.assign(predicted=(reviews["probability"] >= 0.8).astype(int))
    auc, *others = compare_predictions("binary", reviews, new, SAME_MODEL, 0).comparisons
    assert auc.verdict == Verdict.UNCHANGED
    assert all(each.verdict != Verdict.UNCHANGED for each in others)


def test_last_digits_are_no_difference(reviews: pd.DataFrame) -> None:
    new = reviews.assign(probability=reviews["probability"] + 1e-8)
    compared = compare_predictions("binary", reviews, new, SAME_MODEL, 0)
    assert all(each.verdict == Verdict.UNCHANGED for each in compared.comparisons)


def test_the_accuracy_of_two_given_models_is_tested_as_mcnemar_did() -> None:
    compared = compare_predictions(
        "multiclass", images(200, [1, 2, 3, 4, 5, 6]), images(200, [6]), SAME_MODEL, 0
    )
    assert compared.hits is not None
    assert (compared.hits.gained, compared.hits.lost) == (5, 0)
    expected = binomtest(5, 5)
    share = expected.proportion_ci()
    limits = [(2 * limit - 1) * 5 / 200 for limit in (share.low, share.high)]
    found = compared.comparisons[0].found
    assert [found.difference, found.low, found.high, found.p] == pytest.approx(
        [5 / 200, *limits, expected.pvalue]
    )


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemars_interval_holds_0_where_its_p_is_above_the_level(gained: int, lost: int) -> None:
    assume(gained + lost)
    p = binomtest(gained, gained + lost).pvalue
    found = mcnemar_estimate(gained, lost, 100, p)
    share = binomtest(gained, gained + lost).proportion_ci()
    expected = [(2 * limit - 1) * (gained + lost) / 100 for limit in (share.low, share.high)]
    assert [found.low, found.high] == pytest.approx(expected)
    assert (found.low <= 0 <= found.high) == (p > 0.05)


def test_training_anew_widens_the_interval_and_mcnemar_does_not_decide() -> None:
    tables = images(200, [1, 2, 3, 4, 5, 6]), images(200, [6])
    noise = {"accuracy": Noise(0.98, 0.05, 5)}
    given_models = compare_predictions("multiclass", *tables, SAME_MODEL, 0).comparisons[0]
    trained = compare_predictions("multiclass", *tables, Training(True, noise, {}), 0)
    assert trained.comparisons[0].found.high > given_models.found.high + 0.1
    assert trained.comparisons[0].found.p > given_models.found.p
    assert trained.hits is not None
    assert trained.hits.p == given_models.found.p


def test_means_are_compared_where_both_revisions_have_repeats_of_their_own() -> None:
    tables = images(200, [1, 2]), images(200, [3])
    old = {"accuracy": Noise(0.90, 0.01, 5)}
    new = {"accuracy": Noise(0.95, 0.01, 4)}
    found = compare_predictions("multiclass", *tables, Training(True, old, new), 0).comparisons[0]
    assert (found.old, found.new, found.runs) == (0.90, 0.95, (5, 4))
    taken_over = {"accuracy": Noise(0.95, 0.01, 4, own=False)}
    found = compare_predictions(
        "multiclass", *tables, Training(True, old, taken_over), 0
    ).comparisons[0]
    assert (found.old, found.new, found.runs) == (0.99, 0.995, (1, 1))
    fewer = tables[1].iloc[:100]
    partial = compare_predictions("multiclass", tables[0], fewer, Training(True, old, new), 0)
    assert partial.comparisons[0].runs == (1, 1), "repeats are of the whole of another test set"


def test_noise_of_either_revision_will_do_and_without_any_nothing_is_known() -> None:
    tables = images(200, [1, 2]), images(200, [3])
    noise = {"accuracy": Noise(0.9, 0.01, 5)}
    for training, known in (
        (Training(True, noise, {}), True),
        (Training(True, {}, noise), True),
        (Training(True, {}, {}), False),
        (SAME_MODEL, True),
    ):
        compared = compare_predictions("multiclass", *tables, training, 0)
        assert compared.comparisons[0].known == known


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (
            images(200, []).assign(id=lambda table: table["id"] + 190),
            "10 samples of test are shared",
        ),
        (images(200, []).assign(label=lambda table: table["label"] + 1), "carry another label"),
        (images(200, []).assign(id=7), "ids repeat"),
    ],
)
def test_other_samples_are_not_compared(new: pd.DataFrame, message: str) -> None:
    with pytest.raises(NotComparableError, match=message):
        compare_predictions("multiclass", images(200, [1]), new, SAME_MODEL, 0)


def test_a_test_set_of_one_class_has_no_metrics_to_compare(reviews: pd.DataFrame) -> None:
    ones = reviews[reviews["label"] == 1]
    other = ones.assign(probability=0.5, predicted=1 - ones["predicted"])
    with pytest.raises(NotComparableError, match="no metric is defined on the samples of test"):
        compare_predictions("binary", ones, other, SAME_MODEL, 0)


def test_reconstructions_are_compared_by_their_cross_entropy() -> None:
    random = np.random.default_rng(0)
    old = pd.DataFrame({"id": np.arange(100), "label": 0, "cross_entropy": random.random(100)})
    new = old.assign(cross_entropy=old["cross_entropy"] - random.random(100) / 10)
    found = compare_predictions("reconstruction", old, new, SAME_MODEL, 0).comparisons[0]
    assert found.found.high < 0
    assert not found.metric.higher_is_better


def generated(shift: float, seed: int) -> Images:
    test = np.random.default_rng(0).normal(size=(200, 3))
    random = np.random.default_rng(seed)
    return Images(
        pd.Series(list(test), index=[str(n) for n in range(200)]),
        random.normal(shift, size=(200, 3)),
    )


def test_generated_images_are_compared_by_their_distance_to_the_same_images() -> None:
    near, far, again = generated(0.1, 1), generated(1.0, 2), generated(0.1, 3)
    worse = compare_images(near, far, SAME_MODEL, 0).comparisons[0]
    assert worse.found.low > 0
    alike = compare_images(near, again, SAME_MODEL, 0).comparisons[0]
    assert alike.found.low < 0 < alike.found.high
    assert compare_images(near, near, SAME_MODEL, 0).comparisons[0].verdict == Verdict.UNCHANGED


def test_generated_images_measured_with_another_network_are_not_compared() -> None:
    near = generated(0.1, 1)
    with pytest.raises(NotComparableError, match="another one"):
        compare_images(near, Images(near.test * 2, near.generated), SAME_MODEL, 0)


def test_no_fewer_than_20_samples_are_compared() -> None:
    assert compare_predictions(
        "multiclass", images(20, [1]), images(20, [2]), SAME_MODEL, 0
    ).comparisons
    with pytest.raises(NotComparableError, match="19 samples of test are shared, fewer than 20"):
        compare_predictions("multiclass", images(19, [1]), images(20, [2]), SAME_MODEL, 0)


def test_a_few_relabelled_samples_are_left_out_and_many_refused() -> None:
    old = images(400, [1])
    new = old.copy()
    new.loc[:3, "label"] += 1
    assert compare_predictions("multiclass", old, new, SAME_MODEL, 0).shared.samples == 396
    new.loc[:4, "label"] = old.loc[:4, "label"] + 1
    with pytest.raises(NotComparableError, match="5 of 400 ids carry another label"):
        compare_predictions("multiclass", old, new, SAME_MODEL, 0)
