"""Terms weighted by naive Bayes: the formulas of Wang & Manning, written out."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from epochwise.families import linear
from epochwise.families.linear import fit_terms
from epochwise.families.nb_linear import Params, fit, probabilities
from tests.epochwise.families.linear.test_linear import LABELS, PLAIN, TEXTS


def section(**changes: Any) -> Params:
    return Params.model_validate(PLAIN | {"alpha": 1.0, "interpolation": 0.25} | changes)


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
        tol=1e-10,
    ).fit(features * ratios, LABELS)
    w, beta = learned.coef_[0], used.interpolation
    between = (1 - beta) * np.abs(w).sum() / len(w) + beta * w
    new = [*TEXTS, "bad tea", "unheard", ""]
    logits = (vectorizer.transform(new).toarray() * ratios) @ between + learned.intercept_
    model, _ = fit(TEXTS, LABELS, used)
    assert model.schema.names == ["term", "idf", "coefficient"]
    assert len(model) == len(ratios) + 1 and model["term"][-1].as_py() == linear.INTERCEPT
    np.testing.assert_allclose(probabilities(model, new, used), expit(logits), atol=1e-6)


def test_a_model_of_pairs_and_ends_is_applied_as_it_was_fitted(tmp_path: Path) -> None:
    used = section(ngrams=4, gaps=2, ends=3, max_terms=150, binary=True, sublinear=False, idf=False)
    model, _ = fit(TEXTS, LABELS, used)
    kinds = Counter(term.count("  ") for term in model["term"].to_pylist()[:-1])
    assert set(kinds) == {0, 1, 2} and kinds.total() == 150
    pq.write_table(model, tmp_path / "model.parquet")
    new = [*TEXTS, "bad tea", "unheard", ""]
    terms, idf, features = fit_terms(TEXTS, used)
    coefficients, intercept = np.split(model["coefficient"].to_numpy(), [-1])
    expected = expit(linear._vectors(new, terms, idf, used) @ coefficients + intercept)
    applied = probabilities(pq.read_table(tmp_path / "model.parquet"), new, used)
    np.testing.assert_array_equal(applied, expected.astype("float32"))
    np.testing.assert_array_equal(
        applied[:60], expit(features @ coefficients + intercept).astype("float32")
    )
    assert fit(TEXTS, LABELS, used).model.equals(model)
