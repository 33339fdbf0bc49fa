"""Token ids as networks read them: reviews cut to a length, and padded in batches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, PositiveInt

from epochwise.core.params import Section
from epochwise.inputs.reviews.mapped import mapped
from epochwise.inputs.reviews.tokens import Lists

Padding = Literal["left", "right"]
End = Literal["first", "last", "both"]
"""Which words of a long review are kept: the first ones, the last ones, or half of each."""


class Percentile(Section):
    """A length that `percentile` per cent of the train split do not exceed, or `at_most`."""

    percentile: int = Field(ge=0, le=100)
    at_most: PositiveInt


class Cut(Section):
    """How a review becomes a row of token ids.

    `length` is how many words are kept at most, `end` says which. With `trim` a batch is as wide
    as its longest review, otherwise as `length` says; zeros on the side of `padding` fill it.
    """

    length: PositiveInt | Percentile
    end: End
    padding: Padding
    trim: bool


@dataclass(frozen=True)
class Sequences:
    """Reviews as rows of an array that is made where it is read.

    Review i has `lengths[i]` of the token ids `ids`, from `starts[i]` on.
    """

    ids: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    width: int
    cut: Cut

    @classmethod
    def of(cls, parts: Iterable[Lists], cut: Cut, width: int) -> Self:
        """The reviews with these lists of tokens, in parts; of a list `width` are kept at most."""
        known: list[np.ndarray] = []

        def flat() -> Iterator[np.ndarray]:
            for tokens in parts:
                known.append(pc.list_value_length(tokens).to_numpy())
                yield pc.list_flatten(tokens).to_numpy()

        ids = mapped(flat())
        lengths = np.concatenate(known)
        return cls(ids, np.cumsum(lengths, dtype="int64") - lengths, lengths, width, cut)

    def take(self, rows: np.ndarray) -> Self:
        """The reviews `rows` alone."""
        return replace(self, starts=self.starts[rows], lengths=self.lengths[rows])

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def shape(self) -> tuple[int, int | None]:
        """How many reviews there are, and how wide a batch of them is; None if that depends."""
        return len(self), None if self.cut.trim else self.width

    @property
    def dtype(self) -> np.dtype[np.int32]:
        """The type of token ids."""
        return np.dtype("int32")

    @property
    def sizes(self) -> np.ndarray:
        """How many words of every review are read (n,)."""
        return np.minimum(self.lengths, self.width)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        """Token ids of the reviews `rows`, int32 (n, width), at least one of them wide."""
        sizes, lengths, starts = self.sizes[rows], self.lengths[rows], self.starts[rows]
        width = max(int(sizes.max(initial=1)), 1) if self.cut.trim else self.width
        first = {"first": sizes, "last": np.zeros_like(sizes), "both": sizes - sizes // 2}
        places = np.broadcast_to(np.arange(width), (len(sizes), width))
        if self.cut.padding == "left":
            places = places - (width - sizes)[:, None]
        read = (places >= 0) & (places < sizes[:, None])
        skipped = np.where(places < first[self.cut.end][:, None], 0, (lengths - sizes)[:, None])
        padded = np.zeros((len(sizes), width), "int32")
        padded[read] = self.ids[(starts[:, None] + places + skipped)[read]]
        return padded


def length_percentiles(tables: Iterable[pa.Table]) -> np.ndarray:
    """The lengths of reviews in words at the percentiles 0 to 100, int64 (101,).

    `tables` have a column `tokens`. A percentile is the smallest length that at least this share
    of the reviews does not exceed.
    """
    lengths = [pc.list_value_length(table["tokens"]).to_numpy() for table in tables]
    found = np.percentile(np.concatenate(lengths), range(101), method="inverted_cdf")
    return found.astype("int64")


def resolve(length: int | Percentile, percentiles: np.ndarray) -> int:
    """How many words are kept, where the train split has these `percentiles` of lengths (101,)."""
    if isinstance(length, int):
        return length
    return max(1, min(int(percentiles[length.percentile]), length.at_most))
