"""What review networks read: sequences of token ids, or document vectors."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal, Protocol, Self, TypeAlias

import numpy as np
import pyarrow as pa
from pydantic import Field, PositiveInt, model_validator

from epochwise.core import paths
from epochwise.core.files import partitions
from epochwise.core.forms import TOKENS, VECTORS, Columns
from epochwise.core.matrices import matrix
from epochwise.core.params import Section
from epochwise.inputs.reviews import fitted
from epochwise.inputs.reviews.document_vectors import Vectorizer, vectorize
from epochwise.inputs.reviews.mapped import mapped
from epochwise.inputs.reviews.sequences import Cut, Sequences, resolve
from epochwise.inputs.reviews.tokens import split, tokenize
from epochwise.training.layers import ClassifierFit

Input: TypeAlias = np.ndarray | Sequences
"""What a network reads of n reviews: `input[rows]` are those of some rows, as an array."""

ROWS = 10_000
"""Reviews of a split that are read at once."""


class SequenceParams(ClassifierFit, Cut):
    """Params of a network that reads the words of a review.

    Its embedding starts from the word vectors of the pipeline, or from random ones of
    `embedding_size`; `embedding_dropout` hides a share of its dimensions in training. A step
    updates `all` word vectors, as long as their momentum lasts, or only those that it has
    `touched`, which have none (epochwise.training.lazy). Training ends early, though not before two
    epochs, where another one would show the network more than `shown` reviews in all (null: never).
    After an epoch at most `scored` reviews of train are scored, always the same (null: all).
    """

    cells: ClassVar[int] = 4096
    """Words that are scored at once, at most, where one review has no more."""

    embedding: Literal["random", "word2vec"]
    embedding_size: PositiveInt
    embedding_dropout: float = Field(ge=0, lt=1)
    embedding_updates: Literal["all", "touched"]
    shown: PositiveInt | None
    scored: PositiveInt | None

    @model_validator(mode="after")
    def _touched_is_for_adamax(self) -> Self:
        if self.embedding_updates == "touched" and self.optimizer.name != "adamax":
            raise ValueError(
                "embedding_updates: touched is for optimizer.name: adamax, found"
                f" {self.optimizer.name}: set embedding_updates: all"
            )
        # Keras would clip the gradients of a word's places in a batch before they are summed.
        if self.embedding_updates == "touched" and self.optimizer.clip_norm is not None:
            raise ValueError(
                "embedding_updates: touched goes without optimizer.clip_norm, found"
                f" {self.optimizer.clip_norm}: set embedding_updates: all"
            )
        return self


class Inputs(Protocol):
    """How reviews become the input of a network."""

    step: str
    """The step of the pipeline that prepares the splits train and valid."""
    columns: Columns
    """What is read of these."""
    files: tuple[Path, ...]
    """What training reads beside the splits."""

    @property
    def params(self) -> Section:
        """The network's params, with what the train split decides filled in."""

    def prepared(self, tables: Iterable[pa.Table]) -> Input:
        """The input for reviews that the pipeline has prepared, on disk where they are many."""

    def of_texts(self, texts: pa.ChunkedArray) -> Input:
        """The input for cleaned texts."""

    def vectors(self, train: Input) -> np.ndarray:
        """What `build` of a family is given, of the input for train."""


class SequenceInputs:
    """Token ids, int32 (n, words)."""

    step = "sequences"
    columns = TOKENS

    def __init__(self, params: SequenceParams) -> None:
        self.width = resolve(params.length, fitted.read_length_percentiles())
        self.params = params.model_copy(update={"length": self.width})
        self.random = params.embedding == "random"
        start = fitted.VOCABULARY if self.random else fitted.EMBEDDING
        self.files: tuple[Path, ...] = (start, fitted.LENGTHS)

    def prepared(self, tables: Iterable[pa.Table]) -> Sequences:
        """From the column `tokens`."""
        return Sequences.of((table["tokens"] for table in tables), self.params, self.width)

    def of_texts(self, texts: pa.ChunkedArray) -> Sequences:
        """Looked up in the vocabulary of the train split."""
        return Sequences.of([tokenize(split(texts), self._vocabulary)], self.params, self.width)

    def vectors(self, train: Input) -> np.ndarray:
        """Word vectors (V+1, d) for the embedding to start from; d is 0 where it starts anew."""
        if self.random:
            return np.zeros((len(fitted.read_vocabulary()) + 1, 0), "float32")
        return fitted.read_embedding()

    @cached_property
    def _vocabulary(self) -> pa.Table:
        return fitted.read_vocabulary()


class VectorInputs:
    """Standardised document vectors, float32 (n, d)."""

    step = "vectors"
    columns = VECTORS
    files: tuple[Path, ...] = ()

    def __init__(self, params: Section) -> None:
        self.params = params

    def prepared(self, tables: Iterable[pa.Table]) -> np.ndarray:
        """From the column `vector`."""
        return mapped(matrix(table["vector"]) for table in tables)

    def of_texts(self, texts: pa.ChunkedArray) -> np.ndarray:
        """Made and standardised with what was fitted on the train split."""
        vocabulary, embedding, vectorizer = self._fitted
        return vectorize(tokenize(split(texts), vocabulary), embedding, vectorizer)

    def vectors(self, train: Input) -> np.ndarray:
        """The document vectors themselves."""
        return train[:]

    @cached_property
    def _fitted(self) -> tuple[pa.Table, np.ndarray, Vectorizer]:
        return fitted.read_vocabulary(), fitted.read_embedding(), fitted.read_vectorizer()


def choose_inputs(params: Section) -> Inputs:
    """The inputs of a network with these params."""
    return SequenceInputs(params) if isinstance(params, SequenceParams) else VectorInputs(params)


def prepared_path(inputs: Inputs, split: str) -> Path:
    """The file of a split, train or valid, that the pipeline has prepared for `inputs`."""
    return paths.review_split(inputs.step, split)


def read_prepared(inputs: Inputs, split: str) -> tuple[pa.Table, Input]:
    """The reviews of a split: columns `review_id, label`, and the input that they make.

    Raises:
        InputError: the split is missing or damaged.
    """
    facts: list[pa.Table] = []

    def tables() -> Iterator[pa.Table]:
        for table in partitions(prepared_path(inputs, split), ROWS, inputs.columns):
            facts.append(table.select(["review_id", "label"]))
            yield table

    prepared = inputs.prepared(tables())
    return pa.concat_tables(facts), prepared
