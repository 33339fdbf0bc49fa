import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from stages.metrics import bootstrap
from stages.metrics.classification import epoch_row, intervals, predict, report, weighted_auc

PROBABILITIES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.55, 0.9, 1.0])
SAMPLES = st.lists(st.tuples(st.integers(0, 1), PROBABILITIES), min_size=2, max_size=40).filter(
    lambda rows: {label for label, _ in rows} == {0, 1}
)


def arrays(rows: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    labels, likely = zip(*rows, strict=True)
    return np.array(labels), np.array(likely, "float32")


@given(SAMPLES, PROBABILITIES)
def test_report_equals_scikit_learn(rows: list[tuple[int, float]], threshold: float) -> None:
    labels, likely = arrays(rows)
    predicted = predict(likely, threshold)
    clipped = np.clip(likely.astype("float64"), 1e-7, 1 - 1e-7)
    precision, recall, _, _ = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, labels=[0, 1], zero_division=0
    )
    assert report(labels, likely, threshold) == pytest.approx(
        {
            "accuracy": sklearn_metrics.accuracy_score(labels, predicted),
            "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(labels, predicted),
            "log_loss": sklearn_metrics.log_loss(labels, clipped),
            "roc_auc": sklearn_metrics.roc_auc_score(labels, likely),
            "precision_0": precision[0],
            "recall_0": recall[0],
            "precision_1": precision[1],
            "recall_1": recall[1],
        }
    )


@given(SAMPLES, st.integers(0, 5))
def test_weighted_auc_equals_repeated_samples(rows: list[tuple[int, float]], seed: int) -> None:
    labels, likely = arrays(rows)
    weights = np.random.default_rng(seed).integers(0, 3, size=(3, len(labels)))
    areas = weighted_auc(labels, likely, weights.astype(float))
    for area, times in zip(areas, weights, strict=True):
        repeated = np.repeat(labels, times)
        if len(np.unique(repeated)) < 2:
            assert np.isnan(area)
        else:
            expected = sklearn_metrics.roc_auc_score(repeated, np.repeat(likely, times))
            assert area == pytest.approx(expected)


def test_a_threshold_is_met_by_the_probability_that_equals_it() -> None:
    assert predict(np.array([0.5, 0.4999999], "float32"), 0.5).tolist() == [True, False]


def test_interval_of_a_share_is_that_of_the_binomial() -> None:
    labels = np.random.default_rng(0).integers(0, 2, 1000)
    right = np.arange(1000) % 10 > 1
    likely = np.where(right, labels, 1 - labels)
    low, high = intervals(labels, likely, 0.5, seed=1)["accuracy"]
    half = 1.96 * np.sqrt(0.8 * 0.2 / 1000)
    assert [low, high] == pytest.approx([0.8 - half, 0.8 + half], abs=0.004)


def test_the_same_resamples_whatever_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(bootstrap.resamples(20, seed=3)))
    monkeypatch.setattr(bootstrap, "CHUNK_ELEMENTS", 20 * 7)
    assert (np.concatenate(list(bootstrap.resamples(20, seed=3))) == whole).all()
    assert (whole.sum(axis=1) == 20).all() and len(whole) == bootstrap.RESAMPLES


def test_equal_classifiers_do_not_differ_and_a_far_better_one_does() -> None:
    right = np.ones(100, bool)
    half = np.arange(100) % 2 == 0
    assert bootstrap.mcnemar(half, half) == 1
    assert bootstrap.mcnemar(right, half) == pytest.approx(2 * 0.5**50)
    assert bootstrap.p_value(np.zeros(99)) == 1
    assert bootstrap.p_value(np.ones(999)) == pytest.approx(2 / 1000)


def test_epoch_row_has_the_distance_of_the_recalls() -> None:
    labels = {"train": np.array([0, 0, 1, 1]), "valid": np.array([0, 1])}
    scores = {"train": np.array([0.1, 0.9, 0.9, 0.9]), "valid": np.array([0.2, 0.3])}
    row = epoch_row(labels, scores)
    assert (row["train_recall_0"], row["valid_recall_0"], row["diff_recall_0"]) == (0.5, 1, 0.5)
    assert (row["train_recall_1"], row["valid_recall_1"], row["diff_recall_1"]) == (1, 0, 1)
