"""What was fitted on the train split and turns new texts into numbers: data/reviews/word2vec."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_arrays, read_table, replacing, write_arrays, write_table
from epochwise.inputs.reviews.document_vectors import Parts, Vectorizer
from epochwise.inputs.reviews.paragraph_vectors import Paragraphs
from epochwise.inputs.reviews.semantic_vectors import Semantic

VOCABULARY = paths.WORD_VECTORS / "vocabulary.parquet"
EMBEDDING = paths.WORD_VECTORS / "embedding.npy"
VECTORIZER = paths.WORD_VECTORS / "vectorizer.npz"
LENGTHS = paths.WORD_VECTORS / "lengths.npy"
PARTS = {name: paths.WORD_VECTORS / f"{name}.npz" for name in ("paragraphs", "semantic")}
"""The models that a vectorizer may have; a file each, where it has."""


def write_fitted(
    vocabulary: pa.Table,
    embedding: np.ndarray,
    vectorizer: Vectorizer,
    lengths: np.ndarray,
) -> None:
    """Write the vocabulary, its word vectors (V+1, d), and what makes and standardises documents'.

    And the percentiles of `lengths` (101,).
    """
    write_table(VOCABULARY, vocabulary)
    _write_array(EMBEDDING, embedding)
    arrays = {"mean": vectorizer.mean, "scale": vectorizer.scale, "idf": vectorizer.parts.idf}
    write_arrays(VECTORIZER, **{name: array for name, array in arrays.items() if array is not None})
    _write_array(LENGTHS, lengths)
    for name, path in PARTS.items():
        path.unlink(missing_ok=True)
        if (model := getattr(vectorizer.parts, name)) is not None:
            write_arrays(path, **vars(model))


def read_vocabulary() -> pa.Table:
    """The vocabulary: columns `word, count`; the token id of a word is its row number + 1."""
    return read_table(VOCABULARY)


def read_embedding() -> np.ndarray:
    """The vector of every token id, float32 (V+1, d), zeros for padding.

    Raises:
        InputError: the file is missing or damaged.
    """
    return _read_array(EMBEDDING)


def read_length_percentiles() -> np.ndarray:
    """The lengths of the reviews of train in words, at the percentiles 0 to 100, int64 (101,).

    Raises:
        InputError: the file is missing or damaged.
    """
    return _read_array(LENGTHS)


def read_vectorizer() -> Vectorizer:
    """What documents' vectors are made of, and the mean and scale of these.

    Raises:
        InputError: a file is missing or damaged.
    """
    try:
        arrays = read_arrays(VECTORIZER)
    except FileNotFoundError:
        raise InputError(f"{VECTORIZER} not found: run `dvc repro` to build it") from None
    models = {name: read_arrays(path) for name, path in PARTS.items() if path.exists()}
    parts = Parts(
        idf=arrays.get("idf"),
        paragraphs=Paragraphs(**models["paragraphs"]) if "paragraphs" in models else None,
        semantic=Semantic(**models["semantic"]) if "semantic" in models else None,
    )
    return Vectorizer(parts, arrays["mean"], arrays["scale"])


def _write_array(path: Path, array: np.ndarray) -> None:
    with replacing(path) as beside, beside.open("wb") as file:
        np.save(file, array)


def _read_array(path: Path) -> np.ndarray:
    try:
        array: np.ndarray = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path} not found: run `dvc repro` to build it") from None
    except (ValueError, EOFError) as error:
        raise InputError(f"{path} is damaged ({error}): run `dvc repro` to build it") from None
    return array
