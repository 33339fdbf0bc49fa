"""Terms weighted by naive Bayes: the formulas of Wang & Manning, written out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB

from epochwise.families import linear
from epochwise.families.linear import log_count_ratios
from epochwise.families.nb_linear import Params, fit, probabilities
from tests.epochwise.families.test_linear import LABELS, PLAIN, TEXTS


def section(**changes: Any) -> Params:
    return Params.model_validate(PLAIN | {"alpha": 1.0, "interpolation": 0.25} | changes)


@st.composite
def counted(draw: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray]:
    """Counts of 4 terms in some reviews, and the reviews' labels, of both classes."""
    rows = draw(st.lists(st.tuples(*[st.integers(0, 3)] * 4), min_size=2, max_size=8))
    labels = draw(st.permutations([0, 1, *[row[0] % 2 for row in rows[2:]]]))
    return np.array(rows, float), np.array(labels, "int8")


@given(counted(), st.sampled_from([0.1, 1.0, 3.0]))
def test_the_ratios_are_those_of_naive_bayes_on_what_is_there(
    reviews: tuple[np.ndarray, np.ndarray], alpha: float
) -> None:
    counts, labels = reviews
    there = (counts > 0).astype(float)
    by_class = MultinomialNB(alpha=alpha).fit(there, labels).feature_log_prob_
    found = log_count_ratios(sp.csr_matrix(counts / 7), labels, alpha)
    np.testing.assert_allclose(found, by_class[1] - by_class[0], atol=1e-12)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"binary": True, "sublinear": False, "idf": False},
        {"interpolation": 0.0, "alpha": 0.3},
        {"interpolation": 1.0, "ngrams": 1, "class_weight": [3.0, 1.0]},
    ],
)
def test_probabilities_equal_those_of_the_formulas(changes: dict[str, Any]) -> None:
    used = section(**changes)
    vectorizer = TfidfVectorizer(
        token_pattern=r"\S+",
        ngram_range=(1, used.ngrams),
        binary=used.binary,
        sublinear_tf=used.sublinear,
        use_idf=used.idf,
    )
    features = vectorizer.fit_transform(TEXTS).toarray()
    p, q = (used.alpha + (features[label == LABELS] > 0).sum(axis=0) for label in (1, 0))
    ratios = np.log((p / p.sum()) / (q / q.sum()))
    weights = used.class_weight
    learned = LogisticRegression(
        C=used.regularization,
        class_weight=dict(enumerate(weights)) if isinstance(weights, list) else weights,
        max_iter=1000,
    ).fit(features * ratios, LABELS)
    w, beta = learned.coef_[0], used.interpolation
    between = (1 - beta) * np.abs(w).sum() / len(w) + beta * w
    new = [*TEXTS, "bad tea", "unheard", ""]
    logits = (vectorizer.transform(new).toarray() * ratios) @ between + learned.intercept_
    model = fit(TEXTS, LABELS, used, seed=1)
    assert model.schema.names == ["term", "idf", "coefficient"]
    assert len(model) == len(ratios) + 1 and model["term"][-1].as_py() == linear.INTERCEPT
    np.testing.assert_allclose(probabilities(model, new, used), expit(logits), atol=1e-6)
