"""Semantic vectors: a text's words and pairs of words, weighed by TF-IDF and projected to a few.

Latent semantic analysis (Deerwester et al. 1990). A vector depends on its text alone.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from epochwise.inputs.reviews.tokens import Lists, flatten


@dataclass(frozen=True)
class Semantic:
    """A fitted projection: `terms` (T,), in order, their `idf` (T,) and `components` (T, d).

    `words` is what `term_ids` takes; the numbers are int64, float32 and float32.
    """

    words: np.ndarray
    terms: np.ndarray
    idf: np.ndarray
    components: np.ndarray


def semantic_vectors(tokens: Lists, semantic: Semantic) -> np.ndarray:
    """A vector for each list of token ids, float32 (n, d); zeros without a term of the model."""
    weights = weighted(term_counts(tokens, semantic.terms, int(semantic.words)), semantic.idf)
    vectors: np.ndarray = weights @ semantic.components
    return vectors


def term_ids(tokens: Lists, words: int) -> tuple[np.ndarray, np.ndarray]:
    """All words and pairs of neighbours of n documents: their rows, and an id each, int64.

    Token ids are below `words`: a word's term id is its token id, that of a pair (a, b) is
    a * words + b.
    """
    ids, ends = flatten(tokens)
    ids = ids.astype("int64")
    rows = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    within = rows[:-1] == rows[1:]
    pairs = (ids[:-1] * words + ids[1:])[within]
    return np.concatenate([rows, rows[:-1][within]]), np.concatenate([ids, pairs])


def term_counts(tokens: Lists, terms: np.ndarray, words: int) -> sp.csr_array:
    """How often each document has each of `terms` (T,), which are in order: float32 (n, T)."""
    rows, ids = term_ids(tokens, words)
    places = np.minimum(np.searchsorted(terms, ids), len(terms) - 1)
    known = terms[places] == ids
    ones = np.ones(int(known.sum()), "float32")
    counts = sp.coo_array((ones, (rows[known], places[known])), (len(tokens), len(terms)))
    return counts.tocsr()


def smooth_idf(documents: int, frequencies: np.ndarray) -> np.ndarray:
    """ln((1 + n) / (1 + df)) + 1 of terms that df of n documents have, float64 (T,).

    The smooth form of scikit-learn's TfidfTransformer.
    """
    idf: np.ndarray = np.log((1 + documents) / (1 + frequencies)) + 1
    return idf


def weighted(counts: sp.csr_array, idf: np.ndarray) -> sp.csr_array:
    """(1 + ln count) * idf, in rows of length 1 or of zeros, float32 (n, T).

    It is scikit-learn's sublinear TF-IDF, whose import would take longer than a prediction.
    """
    weights = counts.copy()
    weights.data = (1 + np.log(counts.data)) * idf[counts.indices]
    lengths = np.sqrt((weights**2).sum(axis=1))
    weights.data /= np.repeat(np.where(lengths > 0, lengths, 1), np.diff(counts.indptr))
    return weights
