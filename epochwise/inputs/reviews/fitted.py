"""What was fitted on the train split and turns new texts into numbers: data/reviews/word2vec."""

from typing import Any

import numpy as np
import pyarrow as pa

from epochwise.core import forms, paths
from epochwise.core.files import (
    read_array,
    read_arrays,
    read_table,
    write_array,
    write_arrays,
    write_table,
)
from epochwise.core.forms import Array, Arrays
from epochwise.inputs.reviews.document_vectors import Parts, Vectorizer
from epochwise.inputs.reviews.paragraph_vectors import Paragraphs
from epochwise.inputs.reviews.semantic_vectors import Semantic

VOCABULARY = paths.WORD_VECTORS / "vocabulary.parquet"
EMBEDDING = paths.WORD_VECTORS / "embedding.npy"
VECTORIZER = paths.WORD_VECTORS / "vectorizer.npz"
LENGTHS = paths.WORD_VECTORS / "lengths.npy"
MODELS = {"paragraphs": Paragraphs, "semantic": Semantic}
"""The models that a vectorizer may have."""
PARTS = {name: paths.WORD_VECTORS / f"{name}.npz" for name in MODELS}
"""A file each, where it has them."""
ARRAYS: dict[str, Arrays] = {
    "paragraphs": {
        "output": Array((None, None)),
        "counts": Array((None,)),
        **dict.fromkeys(("negative", "sample", "epochs", "seed"), Array(())),
    },
    "semantic": {
        "words": Array(()),
        "terms": Array((None,), (np.integer,)),
        "idf": Array((None,)),
        "components": Array((None, None)),
    },
}
"""What these files hold."""


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
    write_array(EMBEDDING, embedding)
    arrays = {"mean": vectorizer.mean, "scale": vectorizer.scale, "idf": vectorizer.parts.idf}
    write_arrays(VECTORIZER, **{name: array for name, array in arrays.items() if array is not None})
    write_array(LENGTHS, lengths)
    for name, path in PARTS.items():
        path.unlink(missing_ok=True)
        if (model := getattr(vectorizer.parts, name)) is not None:
            write_arrays(path, **vars(model))


def read_vocabulary() -> pa.Table:
    """The vocabulary: columns `word, count`; the token id of a word is its row number + 1."""
    return read_table(VOCABULARY, forms.VOCABULARY)


def read_embedding() -> np.ndarray:
    """The vector of every token id, float32 (V+1, d), zeros for padding.

    Raises:
        InputError: the file is missing or damaged.
    """
    return read_array(EMBEDDING, Array((None, None)))


def read_length_percentiles() -> np.ndarray:
    """The lengths of the reviews of train in words, at the percentiles 0 to 100, int64 (101,).

    Raises:
        InputError: the file is missing or damaged.
    """
    return read_array(LENGTHS, Array((101,), (np.integer,)))


def read_vectorizer() -> Vectorizer:
    """What documents' vectors are made of, and the mean and scale of these.

    Raises:
        InputError: a file is missing or damaged.
    """
    column = Array((None,))
    arrays = read_arrays(VECTORIZER, {"mean": column, "scale": column}, {"idf": column})
    models: dict[str, Any] = {
        name: MODELS[name](**read_arrays(path, ARRAYS[name]))
        for name, path in PARTS.items()
        if path.exists()
    }
    return Vectorizer(Parts(arrays.get("idf"), **models), arrays["mean"], arrays["scale"])
