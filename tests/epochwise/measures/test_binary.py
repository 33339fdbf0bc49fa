"""Binary measures equal those of scikit-learn, with and without sample weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from epochwise.measures.binary import (
    at_threshold,
    counts,
    epoch_row,
    log_losses,
    precision_and_recall,
    ratio,
    weighted_auc,
    weighted_mean,
)

PROBABILITIES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.55, 0.9, 1.0])
SAMPLES = st.lists(st.tuples(st.integers(0, 1), PROBABILITIES), min_size=2, max_size=40).filter(
    lambda rows: {label for label, _ in rows} == {0, 1}
)


def arrays(rows: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    labels, likely = zip(*rows, strict=True)
    return np.array(labels), np.array(likely, "float32")


def draw_weights(seed: int, size: int, least: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(least, 3, size=(3, size)).astype("float64")


@given(SAMPLES, PROBABILITIES, st.integers(0, 5))
def test_counts_precision_and_recall_equal_scikit_learn(
    rows: list[tuple[int, float]], threshold: float, seed: int
) -> None:
    labels, likely = arrays(rows)
    predicted = at_threshold(likely, threshold)
    weights = draw_weights(seed, len(labels), least=1)
    counted = counts(labels, predicted, weights)
    measured = precision_and_recall(counted, predicted)
    for row, times in enumerate(weights):
        matrix = sklearn_metrics.confusion_matrix(
            labels, predicted, labels=[0, 1], sample_weight=times
        )
        names = ("true_0", "false_1", "false_0", "true_1")
        assert [getattr(counted, name)[row] for name in names] == matrix.ravel().tolist()
        precision, recall, _, _ = sklearn_metrics.precision_recall_fscore_support(
            labels, predicted, labels=[0, 1], sample_weight=times, zero_division=0
        )
        for label in (0, 1):
            known = recall[label] if (labels == label).any() else np.nan
            # Every sample is drawn at least once: a class without predictions never has any.
            assert measured[f"precision_{label}"][row] == pytest.approx(precision[label])
            assert measured[f"recall_{label}"][row] == pytest.approx(known, nan_ok=True)


@given(SAMPLES)
def test_log_loss_equals_scikit_learn(rows: list[tuple[int, float]]) -> None:
    labels, likely = arrays(rows)
    clipped = np.clip(likely.astype("float64"), 1e-7, 1 - 1e-7)
    expected = sklearn_metrics.log_loss(labels, clipped)
    assert log_losses(labels, likely).mean() == pytest.approx(expected)


@given(SAMPLES, st.integers(0, 5))
def test_weighted_auc_equals_repeated_samples(rows: list[tuple[int, float]], seed: int) -> None:
    labels, likely = arrays(rows)
    weights = draw_weights(seed, len(labels))
    for area, times in zip(weighted_auc(labels, likely, weights), weights, strict=True):
        repeated = np.repeat(labels, times.astype(int))
        if len(np.unique(repeated)) < 2:
            assert np.isnan(area)
        else:
            expected = sklearn_metrics.roc_auc_score(repeated, np.repeat(likely, times.astype(int)))
            assert area == pytest.approx(expected)


def test_a_weighted_mean_counts_samples_as_often_as_their_weight() -> None:
    weights = np.array([[1.0, 1, 1], [0, 2, 0], [3, 0, 1]])
    assert weighted_mean(np.array([1.0, 2, 9]), weights).tolist() == [4, 2, 3]


def test_a_threshold_is_met_by_the_probability_that_equals_it() -> None:
    assert at_threshold(np.array([0.5, 0.4999999], "float32"), 0.5).tolist() == [True, False]
    # In float32 0.3 is above 0.3: the comparison is made in float64.
    assert at_threshold(np.array([0.3], "float32"), 0.3).tolist() == [True]
    assert at_threshold(np.array([0.7], "float32"), 0.7).tolist() == [False]


def test_a_resample_without_predictions_of_a_class_says_nothing_of_its_precision() -> None:
    labels, predicted = np.array([0, 0, 1]), np.array([True, False, False])
    weights = np.array([[1.0, 1, 1], [0, 2, 1]])
    measured = precision_and_recall(counts(labels, predicted, weights), predicted)
    np.testing.assert_array_equal(measured["precision_0"], [1 / 2, 2 / 3])
    np.testing.assert_array_equal(measured["precision_1"], [0, np.nan])


def test_a_share_of_nothing_is_what_is_asked_for() -> None:
    assert ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0]), 0.25).tolist() == [0.5, 0.25]


def test_epoch_row_has_the_distance_of_the_recalls() -> None:
    labels = {"train": np.array([0, 0, 1, 1]), "valid": np.array([0, 1])}
    scores = {"train": np.array([0.1, 0.9, 0.9, 0.9]), "valid": np.array([0.2, 0.3])}
    row = epoch_row(labels, scores)
    assert (row["train_recall_0"], row["valid_recall_0"], row["diff_recall_0"]) == (0.5, 1, 0.5)
    assert (row["train_recall_1"], row["valid_recall_1"], row["diff_recall_1"]) == (1, 0, 1)
    assert row["valid_loss"] == pytest.approx(-(np.log(0.8) + np.log(0.3)) / 2)
    assert list(row) == [
        *("train_loss", "valid_loss", "train_roc_auc", "valid_roc_auc"),
        *("train_precision_0", "valid_precision_0", "train_recall_0", "valid_recall_0"),
        *("train_precision_1", "valid_precision_1", "train_recall_1", "valid_recall_1"),
        *("diff_recall_0", "diff_recall_1"),
    ]
