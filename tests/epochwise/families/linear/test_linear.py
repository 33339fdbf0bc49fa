"""Linear families: what scikit-learn makes of the same texts, kept as a plain table."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from epochwise import families
from epochwise.core import params
from epochwise.core.cli import InputError
from epochwise.families import linear
from epochwise.families.linear import (
    Terms,
    beyond_runs,
    fit,
    fit_terms,
    frequent,
    log_count_ratios,
    probabilities,
    regress,
)
from tests.configuration import compose

LINEAR = [name for name, row in families.table().items() if row.learner == "linear"]
RANDOM = np.random.default_rng(0)
WORDS = ["good", "bad", "tea", "i've", "東京", "c"]
TEXTS = [" ".join(RANDOM.choice(WORDS, 6)) for _ in range(60)]
LABELS = np.array(["good" in text for text in TEXTS], "int8")
PLAIN: dict[str, Any] = {
    "unit": "words",
    "shortest": 1,
    "ngrams": 2,
    "gaps": 0,
    "ends": 0,
    "min_documents": 1,
    "max_terms": None,
    "binary": False,
    "sublinear": True,
    "idf": True,
    "regularization": 4.0,
    "class_weight": "balanced",
}


def section(**changes: Any) -> Terms:
    return Terms.model_validate(PLAIN | changes)


@pytest.mark.parametrize("name", LINEAR)
def test_every_linear_family_has_the_contract(name: str, tmp_path: Path) -> None:
    family = families.load(name)
    block = compose(tmp_path / "params.yaml")["train"][name]
    used = params.check(block, family.schema, f"train.{name}")
    model, on_train = family.module.fit(TEXTS, LABELS, used)
    likely = family.module.probabilities(model, [*TEXTS, ""], used)
    assert likely.shape == (61,) and likely.dtype == np.float32
    np.testing.assert_array_equal(on_train, likely[:-1])
    assert ((likely >= 0) & (likely <= 1)).all()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ngrams": 1, "sublinear": False, "class_weight": None},
        {"binary": True, "sublinear": False, "idf": False},
        {"min_documents": 4, "max_terms": 7, "class_weight": [3.0, 1.0]},
        {"unit": "characters", "shortest": 2, "ngrams": 3},
    ],
)
def test_probabilities_equal_those_of_scikit_learn(changes: dict[str, Any]) -> None:
    used = section(**changes)
    weights = used.class_weight
    pipeline = make_pipeline(
        TfidfVectorizer(
            analyzer={"words": "word", "characters": "char"}[used.unit],
            token_pattern=r"\S+" if used.unit == "words" else None,
            ngram_range=(used.shortest, used.ngrams),
            min_df=used.min_documents,
            max_features=used.max_terms,
            binary=used.binary,
            sublinear_tf=used.sublinear,
            use_idf=used.idf,
        ),
        LogisticRegression(
            C=used.regularization,
            class_weight=dict(enumerate(weights)) if isinstance(weights, list) else weights,
            solver="newton-cg",
            tol=1e-8,
        ),
    ).fit(TEXTS, LABELS)
    model, _ = fit(TEXTS, LABELS, used)
    assert len(model) == len(pipeline[0].vocabulary_) + 1
    new = [*TEXTS, "bad tea", "unheard", ""]
    expected = pipeline.predict_proba(new)[:, 1]
    np.testing.assert_allclose(probabilities(model, new, used), expected, atol=1e-6)
    # Where terms are but runs they are scikit-learn's own, to the last bit.
    assert model["term"].to_pylist()[:-1] == pipeline[0].get_feature_names_out().tolist()
    assert model["coefficient"].to_pylist()[:-1] == pipeline[1].coef_[0].tolist()


@pytest.mark.parametrize("weights", [None, [3.0, 1.0]])
def test_coefficients_are_those_of_the_minimum(weights: list[float] | None) -> None:
    """The gradient of C * sum(weight * log loss) + |w|^2 / 2 is nothing there."""
    used = section(regularization=32.0, class_weight=weights)
    features = fit_terms(TEXTS, used)[2]
    coefficients, intercept = regress(features, LABELS, used)
    wrong = expit(features @ coefficients + intercept) - LABELS
    pulls = used.regularization * wrong * np.array(weights or [1.0, 1.0])[LABELS]
    np.testing.assert_allclose(features.T @ pulls + coefficients, 0, atol=1e-5)
    assert abs(pulls.sum()) < 1e-5


def plainly(words: list[str], gaps: int, ends: int) -> Counter[str]:
    """The terms beyond runs, by the places of their words."""
    found: Counter[str] = Counter()
    for place, word in enumerate(words):
        for gap in range(1, gaps + 1):
            if place + gap + 1 < len(words):
                found[word + "  " + "_ " * gap + " " + words[place + gap + 1]] += 1
        for many in (1, 2):
            run = " ".join(words[place : place + many])
            if place + many <= min(ends, len(words)):
                found[f"first  {run}"] += 1
            if max(0, len(words) - ends) <= place <= len(words) - many:
                found[f"last  {run}"] += 1
    return found


ODD = st.sampled_from(["good", "tea", "_", "first", "last", "...", "東京"])


@given(st.lists(ODD, max_size=9), st.integers(0, 3), st.integers(0, 12))
def test_terms_beyond_runs_are_those_of_the_places_of_words(
    words: list[str], gaps: int, ends: int
) -> None:
    found = Counter(beyond_runs(" ".join(words), gaps, ends))
    assert found == plainly(words, gaps, ends)
    assert (gaps or ends) or not found


@given(st.lists(ODD, min_size=1, max_size=9))
def test_every_term_has_one_meaning(words: list[str]) -> None:
    used = section(ngrams=9, gaps=3, ends=9, binary=True)
    terms, _, features = fit_terms([" ".join(words)], used)
    meant = [
        *{tuple(words[a:b]) for a in range(len(words)) for b in range(a + 1, len(words) + 1)},
        *{
            (words[a], gap, words[a + gap + 1])
            for gap in (1, 2, 3)
            for a in range(len(words) - gap - 1)
        },
        *{(end, 9, word) for end in ("first", "last") for word in words},
        *{(end, 9, *pair) for end in ("first", "last") for pair in pairwise(words)},
    ]
    assert len(terms) == features.nnz == len(meant)


def test_the_terms_of_a_review_read_as_they_are_meant() -> None:
    model, _ = fit(
        ["not very good tea", "tea"], np.array([0, 1]), section(ngrams=1, gaps=2, ends=2)
    )
    assert model["term"].to_pylist()[:-1] == [
        "first  not",
        "first  not very",
        "first  tea",
        "first  very",
        "good",
        "last  good",
        "last  good tea",
        "last  tea",
        "not",
        "not  _  good",
        "not  _ _  tea",
        "tea",
        "very",
        "very  _  tea",
    ]


@given(
    st.lists(st.lists(ODD, max_size=9).map(" ".join), max_size=6),
    st.integers(1, 60),
    st.integers(1, 3),
)
def test_the_terms_in_most_reviews_are_found_by_their_hashes(
    texts: list[str], most: int, least: int
) -> None:
    def terms(text: str) -> list[str]:
        return [*text.split(), *beyond_runs(text, 2, 2)]

    reviews = Counter(term for text in texts for term in set(terms(text)))
    last = min((many for _, many in reviews.most_common(most)), default=0)
    expected = {hash(term) for term, many in reviews.items() if many >= max(last, least)}
    used = section(binary=True, max_terms=most, min_documents=least)
    assert frequent(["", *texts], terms, used) == expected


@given(
    st.lists(st.lists(ODD, max_size=9).map(" ".join), min_size=1, max_size=6),
    st.integers(1, 60),
    st.booleans(),
)
def test_of_equally_frequent_terms_the_shorter_ones_count(
    texts: list[str], most: int, binary: bool
) -> None:
    assume(any(texts))
    used = section(ngrams=2, gaps=1, ends=2, binary=binary, max_terms=most)
    every, _, _ = fit_terms(texts, section(ngrams=2, gaps=1, ends=2, binary=binary))
    frequencies: Counter[str] = Counter()
    for text in texts:
        terms = linear._analyzer(used)(text)
        frequencies.update(set(terms) if binary else terms)
    ranked = sorted(frequencies, key=lambda term: (-frequencies[term], len(term), term))
    assert every.tolist() == sorted(ranked)
    assert fit_terms(texts, used)[0].tolist() == sorted(ranked[:most])


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


def test_the_model_is_a_table_of_terms_with_the_intercept_last() -> None:
    model, _ = fit(TEXTS, LABELS, section(ngrams=1))
    assert model.schema.names == ["term", "idf", "coefficient"]
    assert model["term"].to_pylist() == [*sorted(WORDS), linear.INTERCEPT]
    coefficients = dict(
        zip(model["term"].to_pylist(), model["coefficient"].to_pylist(), strict=True)
    )
    assert max(coefficients, key=lambda term: coefficients[term]) == "good"


def test_runs_that_are_longer_than_the_longest_are_refused() -> None:
    block = PLAIN | {"unit": "characters", "shortest": 4, "ngrams": 3}
    with pytest.raises(InputError, match=r"train\.x.*shortest is more than ngrams"):
        params.check(block, Terms, "train.x")


@pytest.mark.parametrize("changes", [{"gaps": 1}, {"ends": 50}])
def test_gaps_and_ends_of_characters_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(
        InputError, match=r"train\.x.*gaps and ends count words: 0 where unit is ch"
    ):
        params.check(PLAIN | {"unit": "characters"} | changes, Terms, "train.x")


@pytest.mark.parametrize("changes", [{"min_documents": 9}, {"shortest": 50, "ngrams": 60}])
def test_terms_that_no_review_has_are_told(changes: dict[str, Any]) -> None:
    model = params.check(PLAIN | changes, Terms, "train.x")
    with pytest.raises(InputError, match=r"finds no terms in 2 reviews .* lower its min_doc"):
        fit_terms(["good film", "bad film"], model)
