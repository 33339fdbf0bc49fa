"""Document vectors equal plain loops over words, and what scikit-learn makes of the same."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler

from epochwise.inputs.reviews.document_vectors import (
    Parts,
    Vectorizer,
    document_vectors,
    flatten,
    has_vector,
    inverse_document_frequencies,
    standardize,
    vectorize,
)

WORDS = 6
DOCUMENTS = st.lists(st.lists(st.integers(1, WORDS), max_size=9), min_size=1, max_size=8)
VALUES = st.floats(-9, 9, width=32, allow_subnormal=False)


def as_tokens(documents: list[list[int]]) -> pa.ListArray:
    return pa.array(documents, pa.list_(pa.int32()))


def reference_vectors(
    documents: list[list[int]], idf: np.ndarray, embedding: np.ndarray
) -> np.ndarray:
    rows = np.zeros((len(documents), embedding.shape[1]))
    for row, words in zip(rows, documents, strict=True):
        total = 0.0
        for word in set(words):
            if embedding[word].any():
                tfidf = words.count(word) / len(words) * idf[word]
                row += tfidf * embedding[word]
                total += tfidf
        if total:
            row /= total
    return rows


@given(
    DOCUMENTS,
    arrays("float32", (WORDS + 1, 3), elements=VALUES),
    arrays("float64", WORDS + 1, elements=st.floats(1, 9)),
)
def test_document_vectors_equal_a_loop_over_words(
    documents: list[list[int]], embedding: np.ndarray, idf: np.ndarray
) -> None:
    embedding[0] = 0
    vectors = document_vectors(as_tokens(documents), idf, embedding)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(
        vectors, reference_vectors(documents, idf, embedding), rtol=1e-4, atol=1e-4
    )
    sliced = document_vectors(as_tokens(documents).slice(1), idf, embedding)
    np.testing.assert_array_equal(sliced, vectors[1:])


@given(DOCUMENTS, st.integers(1, 9))
def test_idf_equals_that_of_scikit_learn(documents: list[list[int]], rows: int) -> None:
    counts = np.array([np.bincount(words, minlength=WORDS + 1) for words in documents])
    tables = [
        pa.table({"tokens": as_tokens(documents[i : i + rows])})
        for i in range(0, len(documents), rows)
    ]
    idf = inverse_document_frequencies(tables, WORDS + 1)
    np.testing.assert_allclose(idf[1:], TfidfTransformer().fit(counts).idf_[1:])
    assert idf[0] == 0


def test_standardized_vectors_have_mean_0_and_deviation_1_and_zeros_stay_zeros() -> None:
    vectors = np.random.default_rng(0).normal(3, 5, (50, 4)).astype("float32")
    scaler = StandardScaler().fit(vectors)
    vectors[7] = 0
    standardized = standardize(vectors, scaler.mean_, scaler.scale_)
    assert standardized.dtype == np.float32
    assert not standardized[7].any()
    expected = scaler.transform(vectors)
    np.testing.assert_allclose(np.delete(standardized, 7, 0), np.delete(expected, 7, 0), atol=1e-5)


def test_new_texts_are_averaged_and_standardized_with_what_was_fitted() -> None:
    embedding = np.array([[0, 0], [1, 2], [3, 6]], "float32")
    fitted = Vectorizer(Parts(np.array([0, 1, 3.0])), np.array([1.0, 1.0]), np.full(2, 2.0))
    found = vectorize(as_tokens([[1, 2], []]), embedding, fitted)
    assert found.tolist() == [[(2.5 - 1) / 2, (5 - 1) / 2], [0, 0]]


def test_documents_are_flattened_with_their_ends() -> None:
    ids, ends = flatten(as_tokens([[3, 1], [], [2]]))
    assert (ids.tolist(), ends.tolist()) == ([3, 1, 2], [0, 2, 2, 3])
    assert has_vector(np.array([[0, 1], [0, 0]])).tolist() == [True, False]
