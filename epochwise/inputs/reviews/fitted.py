"""What was fitted on the train split and turns new texts into numbers: data/reviews/word2vec."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_arrays, read_table, replacing, write_arrays, write_table
from epochwise.inputs.reviews.document_vectors import Vectorizer
from epochwise.inputs.reviews.paragraph_vectors import Paragraphs

VOCABULARY = paths.WORD_VECTORS / "vocabulary.parquet"
EMBEDDING = paths.WORD_VECTORS / "embedding.npy"
VECTORIZER = paths.WORD_VECTORS / "vectorizer.npz"
LENGTHS = paths.WORD_VECTORS / "lengths.npy"
PARAGRAPHS = paths.WORD_VECTORS / "paragraphs.npz"


def write_fitted(
    vocabulary: pa.Table,
    embedding: np.ndarray,
    vectorizer: Vectorizer,
    lengths: np.ndarray,
    paragraphs: Paragraphs | None = None,
) -> None:
    """Write the vocabulary, its word vectors (V+1, d) and what weighs and standardises them.

    And the percentiles of `lengths` (101,), and the model of paragraph vectors, where there is one.
    """
    write_table(VOCABULARY, vocabulary)
    _write_array(EMBEDDING, embedding)
    write_arrays(VECTORIZER, **vars(vectorizer))
    _write_array(LENGTHS, lengths)
    PARAGRAPHS.unlink(missing_ok=True)
    if paragraphs is not None:
        write_arrays(PARAGRAPHS, **vars(paragraphs))


def read_vocabulary() -> pa.Table:
    """The vocabulary: columns `word, count`; the token id of a word is its row number + 1."""
    return read_table(VOCABULARY)


def read_embedding() -> np.ndarray:
    """The vector of every token id, float32 (V+1, d), zeros for padding.

    Raises:
        InputError: the file is missing.
    """
    return _read_array(EMBEDDING)


def read_length_percentiles() -> np.ndarray:
    """The lengths of the reviews of train in words, at the percentiles 0 to 100, int64 (101,).

    Raises:
        InputError: the file is missing.
    """
    return _read_array(LENGTHS)


def read_vectorizer() -> Vectorizer:
    """The inverse document frequencies, and the mean and scale of the document vectors.

    Raises:
        InputError: the file is missing.
    """
    try:
        return Vectorizer(**read_arrays(VECTORIZER))
    except FileNotFoundError:
        raise InputError(f"{VECTORIZER} not found: run `dvc repro` to build it") from None


def read_paragraphs() -> Paragraphs | None:
    """The model of paragraph vectors; None where documents have averaged vectors alone."""
    return Paragraphs(**read_arrays(PARAGRAPHS)) if PARAGRAPHS.exists() else None


def _write_array(path: Path, array: np.ndarray) -> None:
    with replacing(path) as beside, beside.open("wb") as file:
        np.save(file, array)


def _read_array(path: Path) -> np.ndarray:
    try:
        array: np.ndarray = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path} not found: run `dvc repro` to build it") from None
    return array
