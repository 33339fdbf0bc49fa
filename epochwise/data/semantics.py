"""The projection of semantic vectors, fitted by scikit-learn's truncated SVD."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from pydantic import PositiveInt

from epochwise.core.cli import InputError
from epochwise.core.params import Section
from epochwise.inputs.reviews.semantic_vectors import (
    Semantic,
    smooth_idf,
    term_counts,
    term_ids,
    weighted,
)


class SemanticParams(Section):
    """`vectorize.semantic` in params.yaml.

    Vectors have `size` numbers, or fewer where there are no more terms or reviews. Terms are the
    `max_terms` that stand in most reviews, in `min_documents` at least. Where there are more than
    `max_reviews`, about so many of them are drawn to fit the projection on.
    """

    size: PositiveInt
    min_documents: PositiveInt
    max_terms: PositiveInt
    max_reviews: PositiveInt


def fit_semantic(
    tables: Callable[[], Iterable[pa.Table]],
    words: int,
    params: SemanticParams,
    seed: int,
) -> Semantic:
    """Fit on the reviews of `tables`, which have `words` different words.

    `tables` opens partitions with a column `tokens`.

    Raises:
        InputError: no term stands in `min_documents` reviews.
    """
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits

    share = min(1.0, params.max_reviews / max(1, sum(map(len, tables()))))
    documents, found, frequencies = 0, np.zeros(0, "int64"), np.zeros(0, "int64")
    for table in kept_reviews(tables, share, seed):
        part, times = document_frequencies(table["tokens"], words + 1)
        found, frequencies = merged(found, frequencies, part, times)
        documents += len(table)
    terms, frequencies = most_frequent(found, frequencies, params)
    idf = smooth_idf(documents, frequencies).astype("float32")
    parts = (
        weighted(term_counts(table["tokens"], terms, words + 1), idf)
        for table in kept_reviews(tables, share, seed)
    )
    matrix = sp.vstack(list(parts), format="csr")
    size = min(params.size, *matrix.shape)
    with threadpool_limits(1):  # the same bytes whatever the number of processors
        _, _, directions = randomized_svd(matrix, size, n_iter=2, random_state=seed)
    return Semantic(np.array(words + 1), terms, idf, np.ascontiguousarray(directions.T, "float32"))


def kept_reviews(
    tables: Callable[[], Iterable[pa.Table]], share: float, seed: int
) -> Iterator[pa.Table]:
    """A `share` of the reviews of every partition, the same ones at every call."""
    random = np.random.default_rng(seed)
    for table in tables():
        yield table.filter(pa.array(random.random(len(table)) < share))


def document_frequencies(tokens: pa.ChunkedArray, words: int) -> tuple[np.ndarray, np.ndarray]:
    """The terms of documents in order, and how many of the documents have each, int64."""
    rows, ids = term_ids(tokens, words)
    terms, places = np.unique(ids, return_inverse=True)
    each = np.unique(rows * len(terms) + places)
    return terms, np.bincount(each % max(1, len(terms)), minlength=len(terms))


def merged(
    terms: np.ndarray, counts: np.ndarray, more: np.ndarray, added: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Two lists of terms as one, in order, with the sums of their counts."""
    union, places = np.unique(np.concatenate([terms, more]), return_inverse=True)
    sums = np.zeros(len(union), "int64")
    np.add.at(sums, places, np.concatenate([counts, added]))
    return union, sums


def most_frequent(
    terms: np.ndarray, frequencies: np.ndarray, params: SemanticParams
) -> tuple[np.ndarray, np.ndarray]:
    """The terms that `params` asks for, in order, and their document frequencies.

    Raises:
        InputError: there is none.
    """
    most = int(frequencies.max(initial=0))
    if most < params.min_documents:
        raise InputError(
            f"vectorize.semantic.min_documents is {params.min_documents}, but the most frequent"
            f" word stands in {most} reviews of the train split: lower it, or take semantic out"
            " of vectorize.documents"
        )
    frequent = np.flatnonzero(frequencies >= params.min_documents)
    order = np.argsort(-frequencies[frequent], kind="stable")[: params.max_terms]
    chosen = np.sort(frequent[order])
    return terms[chosen], frequencies[chosen]
