"""The losses and the epoch table of families that tell classes apart."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from epochwise.measures import multiclass


def test_the_log_loss_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    labels, probabilities = random.integers(4, size=50), random.dirichlet(np.ones(4), 50)
    found = multiclass.log_losses(labels, probabilities)
    assert found.shape == (50,)
    assert found.mean() == pytest.approx(log_loss(labels, probabilities, labels=range(4)))


def test_a_class_without_probability_costs_no_more_than_keras_lets_it() -> None:
    assert multiclass.log_losses(np.array([1]), np.array([[1.0, 0.0]])) == -np.log([1e-7])


def test_an_epoch_row_is_of_both_splits() -> None:
    labels = {"train": np.array([0, 1]), "valid": np.array([0, 1])}
    probabilities = {
        "train": np.array([[0.5, 0.5], [0.25, 0.75]]),
        "valid": np.array([[0.25, 0.75], [0.25, 0.75]]),
    }
    row = multiclass.epoch_row(labels, probabilities)
    assert list(row) == [
        "train_loss",
        "train_accuracy",
        "valid_loss",
        "valid_accuracy",
        "diff_loss",
        "diff_accuracy",
    ]
    assert (row["train_accuracy"], row["valid_accuracy"], row["diff_accuracy"]) == (1.0, 0.5, 0.5)
    assert row["train_loss"] == pytest.approx(-np.log([0.5, 0.75]).mean())
    assert row["diff_loss"] == pytest.approx(row["valid_loss"] - row["train_loss"])
