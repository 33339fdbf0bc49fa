"""Document vectors: the vectors of a text's words, averaged by TF-IDF, or paragraph vectors."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from epochwise.inputs.reviews.paragraph_vectors import Paragraphs, paragraph_vectors
from epochwise.inputs.reviews.tokens import Lists, flatten


@dataclass(frozen=True)
class Vectorizer:
    """What was fitted on the train split: `idf` (V+1,), `mean` (d,) and `scale` (d,), float64."""

    idf: np.ndarray
    mean: np.ndarray
    scale: np.ndarray


def inverse_document_frequencies(tables: Iterable[pa.Table], size: int) -> np.ndarray:
    """idf (size,) of every token id: ln((1 + n) / (1 + df)) + 1; 0 for padding.

    n documents, df of them with the token: scikit-learn's smooth form (TfidfTransformer).
    """
    documents, frequencies = 0, np.zeros(size, "int64")
    for table in tables:
        ids, ends = flatten(table["tokens"])
        counts = sp.csr_array((np.ones(len(ids), "int8"), ids.copy(), ends), (len(table), size))
        counts.sum_duplicates()
        frequencies += np.bincount(counts.indices, minlength=size)
        documents += len(table)
    idf: np.ndarray = np.log((1 + documents) / (1 + frequencies)) + 1
    idf[0] = 0
    return idf


def document_vectors(tokens: Lists, idf: np.ndarray, embedding: np.ndarray) -> np.ndarray:
    """Mean of the word vectors of every document, weighted by TF-IDF: float32 (n, d).

    sum_w tfidf(w) v_w / sum_w tfidf(w) over the document's distinct words w that have a vector,
    tfidf(w) = count(w) / length * idf(w). The length cancels, and count(w) idf(w) is the sum of
    idf(w) over the word's places, so the weights need no counting. A document without any such
    word becomes zeros.
    """
    ids, ends = flatten(tokens)
    token_weights = np.where(has_vector(embedding), idf, 0).astype("float32")
    weights = sp.csr_array((token_weights[ids], ids, ends), (len(ends) - 1, len(embedding)))
    totals = weights.sum(axis=1)
    weights.data /= np.repeat(np.where(totals > 0, totals, 1), np.diff(ends))
    vectors: np.ndarray = weights @ embedding
    return vectors


def standardize(vectors: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(vectors - mean) / scale, float32 (n, d); rows of zeros, without known words, stay zeros."""
    known = has_vector(vectors)
    return np.where(known[:, None], (vectors - mean) / scale, 0).astype("float32")


def raw_vectors(
    tokens: Lists, idf: np.ndarray, embedding: np.ndarray, paragraphs: Paragraphs | None
) -> np.ndarray:
    """Document vectors (n, d): averaged ones, those of `paragraphs`, or both side by side."""
    if paragraphs is None:
        return document_vectors(tokens, idf, embedding)
    trained = paragraph_vectors(tokens, paragraphs)
    if not paragraphs.averaged:
        return trained
    return np.hstack([document_vectors(tokens, idf, embedding), trained])


def vectorize(
    tokens: Lists,
    embedding: np.ndarray,
    vectorizer: Vectorizer,
    paragraphs: Paragraphs | None = None,
) -> np.ndarray:
    """Standardised document vectors, float32 (n, d), of lists of token ids."""
    vectors = raw_vectors(tokens, vectorizer.idf, embedding, paragraphs)
    return standardize(vectors, vectorizer.mean, vectorizer.scale)


def has_vector(vectors: np.ndarray) -> np.ndarray:
    """Which rows (n,) are vectors: a row of zeros stands for a missing one."""
    given: np.ndarray = np.any(vectors, axis=1)
    return given
