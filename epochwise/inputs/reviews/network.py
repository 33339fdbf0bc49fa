"""What review networks read: sequences of token ids, or document vectors."""

from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa
from pydantic import PositiveInt

from epochwise.core import paths
from epochwise.core.files import read_table
from epochwise.core.params import Section
from epochwise.inputs.reviews import fitted
from epochwise.inputs.reviews.document_vectors import vectorize
from epochwise.inputs.reviews.tokens import Padding, pad, split, tokenize


class SequenceParams(Section):
    """Params of a network that reads the first `length` words of a review.

    Its embedding starts from the word vectors of the pipeline, or from random ones.
    """

    length: PositiveInt
    padding: Padding
    embedding: Literal["random", "word2vec"]


class Inputs(Protocol):
    """How reviews become the input of a network."""

    step: str
    """The step of the pipeline that prepares the splits train and valid."""
    files: tuple[Path, ...]
    """What training reads beside the splits."""

    def prepared(self, reviews: pa.Table) -> np.ndarray:
        """The input for reviews that the pipeline has prepared."""

    def of_texts(self, texts: pa.ChunkedArray) -> np.ndarray:
        """The input for cleaned texts."""

    def vectors(self, train: np.ndarray) -> np.ndarray:
        """What `build` of a family is given, of the input (n, ...) for train."""


class SequenceInputs:
    """Token ids, int32 (n, length), cut and padded."""

    step = "sequences"

    def __init__(self, params: SequenceParams) -> None:
        self.params = params
        self.random = params.embedding == "random"
        file = fitted.VOCABULARY if self.random else fitted.EMBEDDING
        self.files: tuple[Path, ...] = (file,)

    def prepared(self, reviews: pa.Table) -> np.ndarray:
        """From the column `tokens`."""
        return pad(reviews["tokens"], self.params.length, self.params.padding)

    def of_texts(self, texts: pa.ChunkedArray) -> np.ndarray:
        """Looked up in the vocabulary of the train split."""
        tokens = tokenize(split(texts), fitted.read_vocabulary())
        return pad(tokens, self.params.length, self.params.padding)

    def vectors(self, train: np.ndarray) -> np.ndarray:
        """Word vectors (V+1, d) for the embedding to start from; d is 0 where it starts anew."""
        if self.random:
            return np.zeros((len(fitted.read_vocabulary()) + 1, 0), "float32")
        return fitted.read_embedding()


class VectorInputs:
    """Standardised document vectors, float32 (n, d)."""

    step = "vectors"
    files: tuple[Path, ...] = ()

    def prepared(self, reviews: pa.Table) -> np.ndarray:
        """From the column `vector`."""
        column = reviews["vector"].combine_chunks()
        vectors: np.ndarray = column.flatten().to_numpy().reshape(len(column), -1)
        return vectors

    def of_texts(self, texts: pa.ChunkedArray) -> np.ndarray:
        """Made and standardised with what was fitted on the train split."""
        tokens = tokenize(split(texts), fitted.read_vocabulary())
        vectorizer, paragraphs = fitted.read_vectorizer(), fitted.read_paragraphs()
        return vectorize(tokens, fitted.read_embedding(), vectorizer, paragraphs)

    def vectors(self, train: np.ndarray) -> np.ndarray:
        """The document vectors themselves."""
        return train


def choose_inputs(params: Section) -> Inputs:
    """The inputs of a network with these params."""
    return SequenceInputs(params) if isinstance(params, SequenceParams) else VectorInputs()


def prepared_path(inputs: Inputs, split: str) -> Path:
    """The file of a split, train or valid, that the pipeline has prepared for `inputs`."""
    return paths.review_split(inputs.step, split)


def read_prepared(inputs: Inputs, split: str) -> pa.Table:
    """The reviews of a split: columns `review_id, label`, and what `inputs` reads."""
    return read_table(prepared_path(inputs, split))
