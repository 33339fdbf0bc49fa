"""Ratings on a scale, and the labels that they stand for."""

from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

QUARTER = 0.25
"""The share of a scale at each of its ends that is negative or positive unless params say more."""


class Scale(NamedTuple):
    """The lowest and the highest rating, and those from which a review is negative or positive."""

    low: float
    high: float
    negative_up_to: float
    positive_from: float

    @classmethod
    def of(
        cls, low: float, high: float, negative_up_to: float | None, positive_from: float | None
    ) -> "Scale":
        """A scale with its lowest and its highest quarter as bounds, where these are None.

        From 1 to 5 stars the quarters are 1 to 2 and 4 to 5.

        Raises:
            ValueError: the bounds overlap or are outside of the scale.
        """
        quarter = QUARTER * (high - low)
        scale = cls(
            low,
            high,
            low + quarter if negative_up_to is None else negative_up_to,
            high - quarter if positive_from is None else positive_from,
        )
        if not low < high:
            raise ValueError(f"the scale goes from {low:g} to {high:g}: expected lowest, highest")
        if not low <= scale.negative_up_to < scale.positive_from <= high:
            raise ValueError(
                f"negative up to {scale.negative_up_to:g} and positive from"
                f" {scale.positive_from:g} do not follow one another on the scale from {low:g} to"
                f" {high:g}"
            )
        return scale

    def contains(self, ratings: pa.Array) -> pa.Array:
        """Which ratings are on the scale, boolean (n,); null and NaN are not."""
        inside = pc.and_(pc.greater_equal(ratings, self.low), pc.less_equal(ratings, self.high))
        return pc.fill_null(inside, False)

    def labels(self, ratings: pa.Array) -> pa.Array:
        """0 for a negative rating, 1 for a positive one, null for one between, int8 (n,)."""
        negative = pc.less_equal(ratings, self.negative_up_to)
        positive = pc.greater_equal(ratings, self.positive_from)
        between = pa.scalar(None, pa.int8())
        label = pc.if_else(positive, pa.scalar(1, pa.int8()), between)
        return pc.if_else(negative, pa.scalar(0, pa.int8()), label)


STARS = Scale.of(1, 5, None, None)
"""1 to 5 stars, as Amazon has them."""


class Rule(NamedTuple):
    """How ratings become labels: the scale, None where the data tell it, and the bounds on it."""

    scale: tuple[float, float] | None
    negative_up_to: float | None
    positive_from: float | None

    def on(self, low: float, high: float) -> Scale:
        """The rule for ratings from `low` to `high`.

        Raises:
            ValueError: the bounds overlap or are outside of the scale.
        """
        return Scale.of(low, high, self.negative_up_to, self.positive_from)
