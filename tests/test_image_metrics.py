"""The metrics of pictures against plain references."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from sklearn.metrics import log_loss, precision_recall_fscore_support

from stages.metrics import multiclass, reconstruction
from stages.metrics.frechet import frechet_distance
from stages.training import runtime

CLASSES = 4


@pytest.fixture(scope="module", autouse=True)
def started() -> None:
    runtime.start(seed=0)


def scored(seed: int, n: int = 50) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(CLASSES, size=n), random.dirichlet(np.ones(CLASSES), n)


@given(seed=st.integers(0, 2**31))
def test_the_report_equals_scikit_learn(seed: int) -> None:
    labels, probabilities = scored(seed)
    report = multiclass.report(labels, probabilities, [f"c{label}" for label in range(CLASSES)])
    predicted = probabilities.argmax(axis=1)
    options = {"labels": range(CLASSES), "zero_division": 0}
    for average in ("macro", "micro"):
        precision, recall, *_ = precision_recall_fscore_support(
            labels, predicted, average=average, **options
        )
        assert report[f"{average}_precision"] == pytest.approx(precision)
        assert report[f"{average}_recall"] == pytest.approx(recall)
    precision, recall, _, count = precision_recall_fscore_support(labels, predicted, **options)
    for label in range(CLASSES):
        assert report["per_class"][f"c{label}"] == {
            "n": count[label],
            "precision": pytest.approx(precision[label]),
            "recall": pytest.approx(recall[label]),
        }
    assert report["accuracy"] == pytest.approx(np.mean(labels == predicted))
    expected = log_loss(labels, probabilities, labels=range(CLASSES))
    assert report["log_loss"] == pytest.approx(expected)


def test_intervals_hold_the_figure_and_come_again() -> None:
    labels, probabilities = scored(1, 300)
    report = multiclass.report(labels, probabilities, list("abcd"))
    found = multiclass.intervals(labels, probabilities, seed=1)
    assert found == multiclass.intervals(labels, probabilities, seed=1)
    for name, (low, high) in found.items():
        assert low < report[name] < high


def test_an_epoch_row_is_of_both_splits() -> None:
    labels = {"train": np.array([0, 1]), "valid": np.array([0, 1])}
    probabilities = {
        "train": np.array([[0.5, 0.5], [0.25, 0.75]]),
        "valid": np.array([[0.25, 0.75], [0.25, 0.75]]),
    }
    row = multiclass.epoch_row(labels, probabilities)
    assert list(row) == [
        "loss",
        "accuracy",
        "valid_loss",
        "valid_accuracy",
        "diff_loss",
        "diff_accuracy",
    ]
    assert (row["accuracy"], row["valid_accuracy"], row["diff_accuracy"]) == (1.0, 0.5, 0.5)
    assert row["loss"] == pytest.approx(-np.log([0.5, 0.75]).mean())
    assert row["diff_loss"] == pytest.approx(row["valid_loss"] - row["loss"])


@given(seed=st.integers(0, 2**31))
def test_reconstructions_are_measured_as_keras_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    originals, outputs = random.random((2, 5, 4, 4, 1), "float32")
    losses = keras.losses.binary_crossentropy(originals.reshape(5, -1), outputs.reshape(5, -1))
    np.testing.assert_allclose(
        reconstruction.cross_entropies(originals, outputs), losses, rtol=1e-5
    )
    errors = reconstruction.squared_errors(originals, outputs)
    np.testing.assert_allclose(errors.mean(), np.mean((originals - outputs) ** 2), rtol=1e-5)
    report = reconstruction.report(originals, outputs, seed=1)
    assert report["psnr"] == pytest.approx(10 * np.log10(1 / report["mse"]))


def test_a_tenth_of_the_error_is_ten_decibels() -> None:
    assert reconstruction.psnr(np.array(0.01)) - reconstruction.psnr(np.array(0.1)) == 10


@given(seed=st.integers(0, 2**31), n=st.integers(8, 40), m=st.integers(8, 40))
def test_the_frechet_distance_equals_its_formula(seed: int, n: int, m: int) -> None:
    random = np.random.default_rng(seed)
    first = random.normal(size=(n, 5)) @ random.normal(size=(5, 5))
    second = random.normal(1, 2, size=(m, 5))
    covariances = [np.cov(values, rowvar=False) for values in (first, second)]
    root = sqrtm(covariances[0] @ covariances[1]).real
    shift = first.mean(axis=0) - second.mean(axis=0)
    expected = shift @ shift + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_the_frechet_distance_of_a_set_from_itself_is_nothing() -> None:
    values = np.random.default_rng(0).normal(size=(30, 5))
    assert frechet_distance(values, values[::-1]) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(values, values + 2) == pytest.approx(5 * 4)
