"""A linear model of terms weighted by naive Bayes (NB-SVM, Wang & Manning 2012)."""

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from pydantic import Field, PositiveFloat

from epochwise.families.linear import Terms, as_table, fit_terms, probabilities, regress

__all__ = ["Params", "fit", "probabilities"]


class Params(Terms):
    """`train.nb_linear` in params.yaml.

    `alpha` smooths the counts of naive Bayes. `interpolation` is how far the coefficients go from
    those of naive Bayes (0), which trusts every term alike, to those of logistic regression (1).
    """

    alpha: PositiveFloat
    interpolation: float = Field(ge=0, le=1)


def fit(texts: list[str], labels: np.ndarray, params: Params, seed: int) -> pa.Table:
    """Fit on cleaned texts: a table as that of `linear.fit`.

    Logistic regression reads the vector of a review times the log-count ratio r of each term. Its
    coefficients w become (1 - beta) mean|w| + beta w, beta being `interpolation` (Wang & Manning
    2012, section 2.3); those in the table are for the vector itself.
    """
    vectorizer, features = fit_terms(texts, params)
    ratios = log_count_ratios(features, labels, params.alpha)
    features.data *= ratios[features.indices]
    coefficients, intercept = regress(features, labels, params, seed)
    beta = params.interpolation
    smoothed = (1 - beta) * np.abs(coefficients).mean() + beta * coefficients
    return as_table(vectorizer, ratios * smoothed, intercept)


def log_count_ratios(features: sp.csr_matrix, labels: np.ndarray, alpha: float) -> np.ndarray:
    """The log-count ratio r of each term (m,), from `features` (n, m) and `labels` (n,).

    r = ln((p / |p|) / (q / |q|)), where p is `alpha` + the number of reviews of class 1 with the
    term, and q that of class 0 (Wang & Manning 2012, section 2.1, with counts of 0 and 1).
    """
    ones = np.repeat(labels == 1, np.diff(features.indptr))
    terms = features.shape[1]
    p, q = (alpha + np.bincount(features.indices[of], minlength=terms) for of in (ones, ~ones))
    ratios: np.ndarray = np.log(p / p.sum()) - np.log(q / q.sum())
    return ratios
