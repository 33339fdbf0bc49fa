"""Stacking: logistic regression on logits, and scores of valid that have not seen their label."""

from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from epochwise import families
from epochwise.core import params
from epochwise.core.cli import InputError
from epochwise.families.stacking import (
    INTERCEPT,
    Stacking,
    fit,
    out_of_fold,
    probabilities,
)

RANDOM = np.random.default_rng(0)
LABELS = (RANDOM.random(80) < 0.4).astype("int8")
LIKELY = {
    name: expit(RANDOM.normal(scale * (2 * LABELS - 1), 1.0)).astype("float32")
    for name, scale in (("lstm", 0.3), ("mlp", 1.0))
}


def section(**changes: Any) -> Stacking:
    block = {"members": None, "folds": 5, "regularization": 0.1} | changes
    return params.check(block, Stacking, "train.ensemble")


def reference(rows: np.ndarray, new: np.ndarray, regularization: float) -> np.ndarray:
    """P(1) of the samples `new`, by the regression that the samples `rows` make."""
    logits = logit(np.column_stack(list(LIKELY.values())).astype("float64"))
    mean, scale = logits[rows].mean(axis=0), logits[rows].std(axis=0)
    model = LogisticRegression(C=regularization, tol=1e-10)
    model.fit((logits[rows] - mean) / scale, LABELS[rows])
    likely: np.ndarray = model.predict_proba((logits[new] - mean) / scale)[:, 1]
    return likely


@pytest.mark.parametrize("regularization", [0.1, 10.0])
def test_the_model_is_a_regression_on_standardised_logits(regularization: float) -> None:
    model = fit(LIKELY, LABELS, section(regularization=regularization))
    assert model["member"].to_pylist() == ["lstm", "mlp", INTERCEPT]
    found = probabilities(model, LIKELY)
    everyone = np.arange(len(LABELS))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference(everyone, everyone, regularization), atol=1e-6)
    lstm, mlp, _ = model["weight"].to_pylist()
    assert 0 < lstm < mlp


def test_every_sample_is_scored_by_a_fit_without_its_fold() -> None:
    found = out_of_fold(LIKELY, LABELS, section(), seed=3)
    expected = np.full(len(LABELS), np.nan)
    folds = StratifiedKFold(5, shuffle=True, random_state=3).split(LABELS, LABELS)
    for rows, left_out in folds:
        expected[left_out] = reference(rows, left_out, 0.1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_seed_draws_the_folds() -> None:
    first, again, other = (out_of_fold(LIKELY, LABELS, section(), seed) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_what_is_certain_has_a_finite_logit() -> None:
    certain = {"lstm": LABELS.astype("float32")}
    found = probabilities(fit(certain, LABELS, section()), certain)
    assert np.isfinite(found).all() and ((found > 0.5) == (LABELS == 1)).all()


def test_a_rare_class_makes_fewer_folds_and_a_single_sample_is_refused() -> None:
    rare = np.arange(len(LABELS)) < 2
    assert np.isfinite(out_of_fold(LIKELY, rare.astype("int8"), section(), seed=1)).all()
    with pytest.raises(InputError, match="valid has 1 samples of a class, expected at least 2"):
        out_of_fold(LIKELY, (np.arange(len(LABELS)) < 1).astype("int8"), section(), seed=1)


def test_the_members_are_all_other_review_families_or_those_named() -> None:
    readers = [name for name, row in families.table().items() if row.dataset == "reviews"]
    assert section().names() == families.members() == [x for x in readers if x != "ensemble"]
    assert section(members=["lstm", "baseline"]).names() == ["lstm", "baseline"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"members": ["lstn"]}, "'lstn' cannot be a member, expected some of baseline, nb_linear,"),
        ({"members": ["ensemble"]}, "'ensemble' cannot be a member"),
        ({"members": ["cnn"]}, "'cnn' cannot be a member"),
        ({"members": ["lstm", "lstm"]}, "a member stands there twice"),
        ({"members": []}, "'train.ensemble.members' is"),
        ({"folds": 1}, "'train.ensemble.folds' is 1"),
    ],
)
def test_a_slip_in_the_params_is_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        section(**changes)
