"""What a review network reads: sequences of token ids, or document vectors."""

from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa

from stages.core.cli import InputError
from stages.core.files import read_table
from stages.reviews.document_vectors import EMBEDDING, VECTORIZER, read_vectorizer, vectorize
from stages.reviews.tokens import Padding, pad, split, tokenize

VOCABULARY = Path("data/reviews/vocabulary.parquet")
Embedding = Literal["random", "word2vec"]


class Inputs(Protocol):
    """How the reviews of a split, or new texts, become the input of a network."""

    paths: list[Path]
    """The files that training reads."""

    def read(self, table: pa.Table) -> np.ndarray:
        """The network's input from a table that the pipeline has prepared."""

    def make(self, texts: pa.ChunkedArray) -> np.ndarray:
        """The network's input from cleaned texts."""


class SequenceInputs:
    """Token ids, int32 (n, length), cut and padded."""

    def __init__(self, length: int, padding: Padding, embedding: Embedding) -> None:
        self.length, self.padding = length, padding
        self.embedding_path = Path("data/reviews", embedding, "embedding.npy")
        self.paths = [*split_paths("sequences"), self.embedding_path]

    def read(self, table: pa.Table) -> np.ndarray:
        """From the column `tokens`."""
        return pad(table["tokens"], self.length, self.padding)

    def make(self, texts: pa.ChunkedArray) -> np.ndarray:
        """Looked up in the vocabulary of the train split."""
        return pad(tokenize(split(texts), read_table(VOCABULARY)), self.length, self.padding)

    def embedding(self) -> np.ndarray:
        """Word vectors (V+1, d) to start from; d is 0 where the initializer decides."""
        return read_array(self.embedding_path)


class VectorInputs:
    """Standardised document vectors, float32 (n, d)."""

    def __init__(self) -> None:
        self.paths = split_paths("vectors")

    def read(self, table: pa.Table) -> np.ndarray:
        """From the column `vector`."""
        column = table["vector"].combine_chunks()
        vectors: np.ndarray = column.flatten().to_numpy().reshape(len(column), -1)
        return vectors

    def make(self, texts: pa.ChunkedArray) -> np.ndarray:
        """Averaged and standardised with what was fitted on the train split."""
        tokens = tokenize(split(texts), read_table(VECTORIZER.with_name(VOCABULARY.name)))
        return vectorize(tokens, read_array(EMBEDDING), read_vectorizer())


def split_paths(step: str) -> list[Path]:
    """The files of the splits train and valid after `step`."""
    return [Path("data/reviews", step, f"{name}.parquet") for name in ("train", "valid")]


def read_array(path: Path) -> np.ndarray:
    """An array that the pipeline has written.

    Raises:
        InputError: the file is missing.
    """
    try:
        array: np.ndarray = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path} not found: run `dvc repro` to build it") from None
    return array
