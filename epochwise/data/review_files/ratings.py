"""Ratings on a scale, and the labels that they stand for."""

from typing import NamedTuple, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from epochwise.data.review_files import values
from epochwise.data.review_files.values import Found, Place

QUARTER = 0.25
"""The share of a scale at each of its ends that is negative or positive unless params say more."""

NUMBER = "correct the column, or give -S reviews.columns.rating=null to read labels alone"
SCALE = (
    "give the lowest and the highest rating as -S reviews.scale=[LOWEST,HIGHEST] (null: as found in"
    " the data), or -S reviews.columns.rating=null to read labels alone"
)
"""What to do about a rating that is no number, and about one outside of the scale."""


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


class Labeller:
    """Labels from ratings, where a table has no labels, one part of the table after the other.

    Ratings that labels make superfluous may be anything. But if one of them is a number outside of
    the scale, then the scale is another one, and no rating can be trusted to decide a label.
    """

    def __init__(self, at: Place, scale: Scale | None) -> None:
        self.at = at
        self.scale = scale
        self.outside: Found = None
        self.decides: int | None = None

    def __call__(self, column: pa.Array, label: pa.Array, start: int) -> tuple[pa.Array, pa.Array]:
        """Ratings, null where they are no numbers, and labels, both (n,).

        Raises:
            InputError: a rating that has to decide is not on the scale.
        """
        ratings = values.numbers(column)
        on_scale = self.scale.contains(ratings) if self.scale else pa.array([False] * len(column))
        deciding = pc.and_(pc.is_null(label), pc.is_valid(column))
        if self.outside is None:
            self.outside = values.first(
                pc.and_(pc.is_valid(ratings), pc.invert(on_scale)), column, start
            )
        if self.decides is None and (decides := values.first(deciding, column, start)):
            self.decides = decides[0]
        wrong = values.first(pc.and_(deciding, pc.invert(on_scale)), column, start)
        if wrong:
            self._refuse(*wrong, why="")
        if self.decides is not None and self.outside:
            why = f" (row {self.decides + 1} has no label, so that its rating decides)"
            self._refuse(*self.outside, why)
        if self.scale:
            label = pc.if_else(pc.is_null(label), self.scale.labels(ratings), label)
        return ratings, label

    def _refuse(self, row: int, value: str, why: str) -> NoReturn:
        number = values.numbers(pa.array([value]))[0].is_valid
        expected = "a rating" if number else "a number"
        if self.scale:
            expected += f" from {self.scale.low:g} to {self.scale.high:g}"
        elif number:
            expected = "ratings that differ"
        values.refuse(self.at, row, value, f"{expected}{why}: {SCALE if number else NUMBER}")
