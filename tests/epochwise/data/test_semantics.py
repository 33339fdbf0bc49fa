"""Semantic vectors equal what scikit-learn makes of the same texts."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from epochwise.core.cli import InputError
from epochwise.data.semantics import SemanticParams, fit_semantic
from epochwise.inputs.reviews.semantic_vectors import (
    semantic_vectors,
    term_counts,
    weighted,
)

WORDS = 7
DOCUMENTS = st.lists(st.lists(st.integers(1, WORDS), max_size=9), min_size=4, max_size=20)
RANDOM = np.random.default_rng(0)
TEXTS = [RANDOM.integers(1, WORDS + 1, 8).tolist() for _ in range(40)]


def lists(documents: list[list[int]]) -> pa.ListArray:
    return pa.array(documents, pa.list_(pa.int32()))


def partitions(documents: list[list[int]], rows: int) -> Callable[[], Iterable[pa.Table]]:
    parts = [documents[start : start + rows] for start in range(0, len(documents), rows)]
    return lambda: (pa.table({"tokens": lists(part)}) for part in parts)


def params(**changes: int) -> SemanticParams:
    plain = {"size": 3, "min_documents": 1, "max_terms": 1000, "max_reviews": 10**6}
    return SemanticParams.model_validate(plain | changes)


@settings(max_examples=40)
@given(documents=DOCUMENTS, least=st.integers(1, 3), rows=st.integers(1, 25))
def test_vectors_equal_those_of_scikit_learn(
    documents: list[list[int]], least: int, rows: int
) -> None:
    documents = [[1, 2]] * 3 + documents
    plain = TfidfVectorizer(
        analyzer=lambda words: [*map(str, words), *map(str, pairwise(words))],
        min_df=least,
        sublinear_tf=True,
        dtype=np.float32,
    )
    weights = plain.fit_transform(documents)
    most = params(size=999, min_documents=least)
    found = fit_semantic(partitions(documents, rows), WORDS, most, seed=1)
    assert len(found.terms) == len(plain.vocabulary_)
    vectors = semantic_vectors(lists(documents), found)
    assert vectors.dtype == np.float32 and vectors.shape[1] == min(weights.shape)
    # A projection to as many directions as there are keeps every angle.
    np.testing.assert_allclose(vectors @ vectors.T, (weights @ weights.T).toarray(), atol=1e-5)


def test_few_directions_keep_what_the_best_ones_do() -> None:
    model = fit_semantic(partitions(TEXTS, 40), WORDS, params(size=3), seed=1)
    vectors = semantic_vectors(lists(TEXTS), model)
    weights = weighted(term_counts(lists(TEXTS), model.terms, WORDS + 1), model.idf)
    best = TruncatedSVD(3, algorithm="arpack", random_state=0).fit_transform(weights)
    assert 0.98 < (vectors**2).sum() / (best**2).sum() <= 1 + 1e-5


def test_a_vector_depends_on_its_document_alone() -> None:
    model = fit_semantic(partitions(TEXTS, 9), WORDS, params(), seed=1)
    together = semantic_vectors(lists([*TEXTS, []]), model)
    alone = np.vstack([semantic_vectors(lists([words]), model) for words in TEXTS])
    np.testing.assert_array_equal(together[:-1], alone)
    assert not together[-1].any()


def test_partitions_change_nothing() -> None:
    whole = fit_semantic(partitions(TEXTS, 40), WORDS, params(max_reviews=25), seed=1)
    parted = fit_semantic(partitions(TEXTS, 7), WORDS, params(max_reviews=25), seed=1)
    for name, array in vars(whole).items():
        np.testing.assert_array_equal(array, getattr(parted, name))


def test_the_terms_are_those_of_most_reviews() -> None:
    documents = [[1, 2], [1, 2], [1, 3], [2, 4]]
    model = fit_semantic(partitions(documents, 3), WORDS, params(max_terms=3), seed=1)
    pair = 1 * (WORDS + 1) + 2
    assert model.terms.tolist() == [1, 2, pair]
    np.testing.assert_allclose(model.idf, np.log([5 / 4, 5 / 4, 5 / 3]) + 1, rtol=1e-6)
    few = fit_semantic(partitions(documents, 3), WORDS, params(size=99), seed=1)
    assert few.components.shape == (4 + 3, 4)


def test_terms_that_are_all_too_rare_are_refused() -> None:
    message = r"vectorize\.semantic\.min_documents is 999, but the most frequent word stands in 4"
    with pytest.raises(InputError, match=message + r"\d reviews"):
        fit_semantic(partitions([[1]] * 41, 9), WORDS, params(min_documents=999), seed=1)
