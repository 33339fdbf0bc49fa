"""Times are numbers or dates, and a date is never guessed."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochwise.core.cli import InputError
from epochwise.data.review_files.times import Clock

FORMATS = [
    "{year}-{month:02}-{day:02}",
    "{day}.{month}.{year}",
    "{day:02}/{month:02}/{year}",
    "{month}/{day}/{year} 00:00",
    "{day}-{month}-{year}",
    "{month} / {day} / {year}",
]


def read(times: list[str | None], rows: int = 1000) -> list[int | None]:
    """The seconds of a column that is read in parts of `rows`."""
    parts = [pa.array(times[n : n + rows], pa.string()) for n in range(0, len(times), rows)]
    clock = Clock((Path("t.csv"), "time", 0), lambda: iter(parts))
    seconds = [clock(part, n * rows) for n, part in enumerate(parts)]
    clock.check()
    return pa.chunked_array(seconds).to_pylist()


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("2006-11-14", 1163462400),
        ("14.11.2006", 1163462400),
        ("14. 11. 2006", 1163462400),
        ("14/11/2006", 1163462400),
        ("11/14/2006", 1163462400),
        ("November 14, 2006", 1163462400),
        ("14 Nov 2006", 1163462400),
        ("5.4.2006", 1144195200),
        ("05.04.2006 01:00", 1144198800),
        ("2006-11-14T00:00:00+01:00", 1163458800),
    ],
)
def test_dates_are_days_in_utc(time: str, seconds: int) -> None:
    assert read([None, time]) == [None, seconds]


@pytest.mark.parametrize(
    ("time", "seconds"), [("1303862400", 1303862400), ("1303862400.0", 1303862400), ("2020", 2020)]
)
def test_numbers_are_seconds(time: str, seconds: int) -> None:
    assert read([time, None, "1.5"]) == [seconds, None, 1]


@pytest.mark.parametrize("second", [1, 10**3, 10**6, 10**9])
def test_parts_of_seconds_are_told_by_the_size_of_the_number(second: int) -> None:
    seconds = [1588687728, -500, None]
    finer = [None if time is None else str(time * second) for time in (1588687728, None)]
    assert read([finer[0], "-500", finer[1]]) == seconds
    assert read([finer[0], "0.5"]) == [1588687728, 0]


def test_days_without_anything_between_are_no_seconds() -> None:
    told = r"row 2: column 'time' has '20201231', expected Unix seconds or a date .* 2020-12-31"
    with pytest.raises(InputError, match=told):
        read([None, "20201231"])


@pytest.mark.parametrize(
    "time",
    ["soon", "now", "today", "10:30", "Nov 06", "31.12.20", "12/31/20", "31.13.2006", "9" * 23],
)
def test_what_is_no_whole_date_is_none(time: str) -> None:
    assert read(["2006-11-14", time]) == [1163462400, None]
    with pytest.raises(InputError, match=f"row 2: column 'time' has '{time}', expected Unix sec"):
        read([None, time])


@given(
    st.lists(st.dates(datetime(1000, 1, 1).date()), min_size=1),
    st.sampled_from(FORMATS),
    st.integers(1, 5),
)
def test_dates_of_one_form_are_read_or_refused(dates: list[datetime], form: str, rows: int) -> None:
    texts: list[str | None] = [
        form.format(year=date.year, month=date.month, day=date.day) for date in dates
    ]
    days = [datetime(date.year, date.month, date.day, tzinfo=UTC) for date in dates]
    told = any(date.day > 12 for date in dates) or form in FORMATS[:2]
    if told:
        assert read(texts, rows) == [int(day.timestamp()) for day in days]
    else:
        with pytest.raises(InputError, match=r"row 1: .* expected to tell the day from the month"):
            read(texts, rows)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (
            ["05/04/2020", "31/12/2020", None, "12/31/2020"],
            r"row 4: column 'time' has '12/31/2020', expected the day first, as in row 2 \('31/12/",
        ),
        (
            ["12-31-2020", "31-12-2020"],
            r"row 2: column 'time' has '31-12-2020', expected the month first, as in row 1",
        ),
        (
            ["2020-01-01", "2020"],
            r"row 2: column 'time' has '2020', expected the same as in row 1 \('2020-01-01'\)",
        ),
        (["1303862400", "x", "2006-11-14"], r"row 3: .* expected the same as in row 1"),
    ],
)
@pytest.mark.parametrize("rows", [1, 1000])
def test_times_of_several_forms_are_refused(
    times: list[str | None], message: str, rows: int
) -> None:
    with pytest.raises(InputError, match=message):
        read(times, rows)


def test_times_that_cannot_be_read_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert read(["14 Jan 2006", "14 Dez 2006", None, "14 Okt 2006"], 2)[1:] == [None] * 3
    assert capsys.readouterr().out == (
        "fetch: 2 times are missing, as they are not Unix seconds or a date with its whole year,"
        " such as 2020-12-31; the first is '14 Dez 2006' in row 2\n"
    )
    read(["14 Jan 2006", None])
    assert capsys.readouterr().out == ""
