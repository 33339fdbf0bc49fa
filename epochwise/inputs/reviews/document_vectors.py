"""Document vectors: averaged word vectors, paragraph vectors, semantic ones, or several of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from epochwise.inputs.reviews.paragraph_vectors import Paragraphs, paragraph_vectors
from epochwise.inputs.reviews.semantic_vectors import Semantic, semantic_vectors, smooth_idf
from epochwise.inputs.reviews.tokens import Lists, flatten


@dataclass(frozen=True)
class Parts:
    """What a document's vector consists of, side by side; at least one of these is there.

    With `idf` (V+1,), float64, of every token id: averaged word vectors. Then those of the models.
    """

    idf: np.ndarray | None = None
    paragraphs: Paragraphs | None = None
    semantic: Semantic | None = None


@dataclass(frozen=True)
class Vectorizer:
    """What was fitted on the train split: the `parts`, and `mean` and `scale` (d,), float64."""

    parts: Parts
    mean: np.ndarray
    scale: np.ndarray


def inverse_document_frequencies(tables: Iterable[pa.Table], size: int) -> np.ndarray:
    """The inverse document frequency (size,) of every token id, as `smooth_idf`; 0 for padding."""
    documents, frequencies = 0, np.zeros(size, "int64")
    for table in tables:
        ids, ends = flatten(table["tokens"])
        counts = sp.csr_array((np.ones(len(ids), "int8"), ids.copy(), ends), (len(table), size))
        counts.sum_duplicates()
        frequencies += np.bincount(counts.indices, minlength=size)
        documents += len(table)
    idf = smooth_idf(documents, frequencies)
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


def raw_vectors(tokens: Lists, embedding: np.ndarray, parts: Parts) -> np.ndarray:
    """Document vectors, float32 (n, d), of lists of token ids; zeros without any known word."""
    vectors = []
    if parts.idf is not None:
        vectors.append(document_vectors(tokens, parts.idf, embedding))
    if parts.paragraphs is not None:
        vectors.append(paragraph_vectors(tokens, parts.paragraphs))
    if parts.semantic is not None:
        vectors.append(semantic_vectors(tokens, parts.semantic))
    return np.hstack(vectors)


def vectorize(tokens: Lists, embedding: np.ndarray, vectorizer: Vectorizer) -> np.ndarray:
    """Standardised document vectors, float32 (n, d), of lists of token ids."""
    vectors = raw_vectors(tokens, embedding, vectorizer.parts)
    return standardize(vectors, vectorizer.mean, vectorizer.scale)


def has_vector(vectors: np.ndarray) -> np.ndarray:
    """Which rows (n,) are vectors: a row of zeros stands for a missing one."""
    given: np.ndarray = np.any(vectors, axis=1)
    return given
