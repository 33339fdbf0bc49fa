"""Stacked generalization (Wolpert 1992): logistic regression on the logits of other families."""

import numpy as np
import pyarrow as pa
from pydantic import Field, PositiveFloat, field_validator
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from epochwise import families
from epochwise.core.cli import InputError
from epochwise.core.params import Section
from epochwise.measures.binary import EPSILON

INTERCEPT = ""
"""The member of the row that holds the intercept as its weight."""


class Stacking(Section):
    """Params of an ensemble.

    `members` are the families it is made of (null: all that read reviews themselves). What it says
    of valid comes from `folds` parts, each left out of the fit in turn. `regularization` is the
    inverse strength, C of scikit-learn's LogisticRegression, on standardised logits.
    """

    members: list[str] | None = Field(min_length=1)
    folds: int = Field(ge=2)
    regularization: PositiveFloat

    @field_validator("members")
    @classmethod
    def _are_review_families(cls, members: list[str] | None) -> list[str] | None:
        for name in members or ():
            if name not in families.members():
                expected = ", ".join(families.members())
                raise ValueError(f"'{name}' cannot be a member, expected some of {expected}")
        if len(set(members or ())) < len(members or ()):
            raise ValueError("a member stands there twice")
        return members

    def names(self) -> list[str]:
        """The names of the members."""
        return self.members or families.members()


def fit(likely: dict[str, np.ndarray], labels: np.ndarray, params: Stacking) -> pa.Table:
    """Fit on P(1) (n,) by each member: a table `member, weight`, the intercept in its last row.

    A weight is that of the member's logit.
    """
    scaler, model = _regression(params).fit(_logits(likely), labels)
    weights = model.coef_[0] / scaler.scale_
    intercept = model.intercept_[0] - weights @ scaler.mean_
    return pa.table({"member": [*likely, INTERCEPT], "weight": [*weights, intercept]})


def out_of_fold(
    likely: dict[str, np.ndarray], labels: np.ndarray, params: Stacking, seed: int
) -> np.ndarray:
    """P(1), float32 (n,), of each sample by a fit without the fold that it is in.

    `likely` holds P(1) (n,) by each member. Where a class has fewer samples than `folds`, there are
    as many folds as samples. `seed` draws the folds.

    Raises:
        InputError: a class has fewer than two samples.
    """
    fewest = int(np.bincount(labels, minlength=2).min())
    if fewest < 2:
        raise InputError(
            f"valid has {fewest} samples of a class, expected at least 2 to fit an ensemble: set a"
            " larger split.valid"
        )
    folds = StratifiedKFold(min(params.folds, fewest), shuffle=True, random_state=seed)
    found = cross_val_predict(
        _regression(params), _logits(likely), labels, cv=folds, method="decision_function"
    )
    return _probabilities(found)


def probabilities(model: pa.Table, likely: dict[str, np.ndarray]) -> np.ndarray:
    """P(1), float32 (n,), by a table that `fit` made, from P(1) (n,) by each member."""
    weights = model["weight"].to_numpy()
    return _probabilities(_logits(likely) @ weights[:-1] + weights[-1])


def _regression(params: Stacking) -> Pipeline:
    model = LogisticRegression(C=params.regularization, solver="newton-cholesky", tol=1e-8)
    return make_pipeline(StandardScaler(), model)


def _logits(likely: dict[str, np.ndarray]) -> np.ndarray:
    columns = np.column_stack(list(likely.values())).astype("float64")
    found: np.ndarray = logit(np.clip(columns, EPSILON, 1 - EPSILON))
    return found


def _probabilities(logits: np.ndarray) -> np.ndarray:
    likely: np.ndarray = expit(logits).astype("float32")
    return likely
