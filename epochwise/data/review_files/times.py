"""When reviews were written: a column of Unix seconds, or one of dates."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from epochwise.data.review_files import values
from epochwise.data.review_files.values import Found, Place

LONGEST = 64
"""Characters of a date: a longer text is none, and would take long to be recognised as such."""
YEAR = r"(^|\D)\d{4}(\D|$)"
"""Without a whole year pandas guesses one, and takes `now` and `10:30` for the day of the run."""
DOTTED = r"^(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4})\b"
"""Day, month and year."""
ORDERED = r"^(?P<first>\d{1,2})\s*[-/, ]\s*(?P<second>\d{1,2})\s*[-/, ]\s*(?P<year>\d{4})\b"
"""Day, month and year, or month, day and year."""
MONTHS = 12
OR_NONE = "correct them, or give -S reviews.columns.time=null to do without"
ALIKE = "write dates as 2020-12-31, or give -S reviews.columns.time=null to do without"
TOGETHER = r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"
"""Year, month and day: as Unix seconds some day of August 1970."""
FINER = {10**17: 10**9, 10**14: 10**6, 10**11: 10**3}
"""From which number on a time is in nano-, micro- or milliseconds, and how many are a second."""
FORMS = "Unix seconds or a date with its whole year, such as 2020-12-31"


class Clock:
    """Unix seconds from a column of times, one part of the table after the other.

    Either its values are numbers, seconds since 1970 (or milliseconds, or finer, by their size), or
    they are dates, taken as UTC. Between dots the day of a date comes first. Whether 5/4/2020 is in
    May or in April is told by those dates of the column in which one of the two numbers is above
    12: `parts` reads the column from its start.
    """

    def __init__(self, at: Place, parts: Callable[[], Iterator[pa.Array]]) -> None:
        self.at = at
        self.parts = parts
        self.day_first: bool | None = None
        self.number: Found = None
        self.date: Found = None
        self.neither: Found = None
        self.unread = 0

    def __call__(self, column: pa.Array, start: int) -> pa.Array:
        """The seconds of texts (n,) from row `start` on, int64 (n,), null where there is no time.

        Raises:
            InputError: some values are numbers and others dates, or numbers are dates, or the day
                of a date cannot be told from its month.
        """
        if together := values.first(pc.match_substring_regex(column, TOGETHER), column, start):
            values.refuse(self.at, *together, f"{FORMS}: {ALIKE}")
        numbers = pc.fill_null(values.numbers(column), np.nan).to_numpy()
        counted = np.abs(numbers) < 2.0**62
        dates = self._dates(pc.if_else(pa.array(counted), None, column))
        dated = dates.notna().to_numpy()
        neither = pc.and_(pc.is_valid(column), pa.array(~counted & ~dated))
        self.number = self.number or values.first(pa.array(counted), column, start)
        self.date = self.date or values.first(pa.array(dated), column, start)
        self.neither = self.neither or values.first(neither, column, start)
        self.unread += pc.sum(neither).as_py() or 0
        if self.number and self.date:
            (row, found), other = sorted((self.number, self.date), reverse=True)
            expected = f"the same as in row {other[0] + 1} ({other[1]!r}), {FORMS}: {ALIKE}"
            values.refuse(self.at, row, found, expected)
        if not self.number:
            seconds = dates.to_numpy("datetime64[s]").astype("int64")
            return pa.array(seconds, mask=~dated)
        try:
            whole = pc.fill_null(pc.cast(column, pa.int64()), 0).to_numpy().copy()
        except pa.ArrowInvalid:
            whole = np.where(counted, numbers, 0).astype("int64")
        for least, second in FINER.items():
            whole[np.abs(whole) >= least] //= second
        return pa.array(whole, mask=~counted)

    def check(self) -> None:
        """Make sure, after the last part, that the column has times if it has anything.

        Says how many of its values are none.

        Raises:
            InputError: it has none.
        """
        if self.neither and not (self.number or self.date):
            values.refuse(self.at, *self.neither, f"{FORMS}, which no row has: {OR_NONE}")
        if self.neither:
            row, found = self.neither
            print(
                f"fetch: {self.unread} times are missing, as they are not {FORMS}; the first is"
                f" {found[:LONGEST]!r} in row {row + 1}"
            )

    def _dates(self, column: pa.Array) -> pd.Series:
        """Dates in UTC (n,), without a time zone, NaT for what is none."""
        short = pc.less_equal(pc.utf8_length(column), LONGEST)
        plain = pc.and_(pc.string_is_ascii(column), pc.match_substring_regex(column, YEAR))
        column = pc.if_else(pc.and_(short, plain), column, None)
        if self.day_first is None and pc.any(pc.match_substring_regex(column, ORDERED)).as_py():
            self.day_first = self._order()
        column = pc.replace_substring_regex(column, DOTTED, r"\3-\2-\1")
        order = r"\3-\2-\1" if self.day_first else r"\3-\1-\2"
        column = pc.replace_substring_regex(column, ORDERED, order)
        dates = pd.to_datetime(column.to_pandas(), format="mixed", utc=True, errors="coerce")
        return dates.dt.tz_localize(None)

    def _order(self) -> bool:
        """Whether the day comes before the month in this column.

        Raises:
            InputError: no date tells it, or one tells this and another that.
        """
        any_date = day_first = month_first = None
        start = 0
        for column in self.parts():
            parts = pc.extract_regex(column, ORDERED)
            first, second = (
                pc.greater(pc.cast(pc.struct_field(parts, name), pa.int8()), MONTHS)
                for name in ("first", "second")
            )
            any_date = any_date or values.first(pc.is_valid(parts), column, start)
            day_first = day_first or values.first(pc.and_not(first, second), column, start)
            month_first = month_first or values.first(pc.and_not(second, first), column, start)
            start += len(column)
        if day_first and month_first:
            (row, found), other = sorted((day_first, month_first), reverse=True)
            one = "day" if other == day_first else "month"
            expected = f"the {one} first, as in row {other[0] + 1} ({other[1]!r})"
            values.refuse(self.at, row, found, f"{expected}: {ALIKE}")
        if any_date and not (day_first or month_first):
            expected = "to tell the day from the month, which no date of the column does"
            values.refuse(self.at, *any_date, f"{expected}: {ALIKE}")
        return day_first is not None
