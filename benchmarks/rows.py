"""Rows of the table: what is measured, plain and ours, in turn."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

HEADER = ("what", "size", "plain", "ours", "ratio", "GFLOP/s", "memory, MB")


class Measured(NamedTuple):
    """Seconds of one way; and its operations of matrices and the peak of its memory, if known."""

    seconds: float
    operations: float | None = None
    memory: float | None = None


class Row(NamedTuple):
    """A row of the table; the ratio is how many times as fast ours is."""

    what: str
    size: str
    plain: Measured
    ours: Measured

    @property
    def ratio(self) -> float:
        """Seconds of plain for one of ours."""
        return self.plain.seconds / self.ours.seconds


def alternate(
    plain: Callable[[], Any], ours: Callable[[], Any], repeats: int
) -> tuple[tuple[Any, float], tuple[Any, float]]:
    """What both return, called in turn `repeats` times, and the medians of their seconds."""
    calls = [(timed(plain), timed(ours)) for _ in range(repeats)]
    slow, fast = ([seconds for _, seconds in each] for each in zip(*calls, strict=True))
    (theirs, _), (made, _) = calls[-1]
    return (theirs, median(slow)), (made, median(fast))


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """What `function` returns, and the seconds it took."""
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def table(rows: list[Row]) -> list[str]:
    """The lines of a Markdown table."""
    lines = [" | ".join(HEADER), " | ".join(["---", "---", *["---:"] * (len(HEADER) - 2)])]
    for row in rows:
        both = (row.plain, row.ours)
        rates = [_rate(way) for way in both]
        memory = ["" if way.memory is None else f"{way.memory / 1e6:.0f}" for way in both]
        seconds = [f"{way.seconds:.3g} s" for way in both]
        pairs = [" → ".join(pair) if all(pair) else "" for pair in (rates, memory)]
        lines.append(" | ".join([row.what, row.size, *seconds, f"{row.ratio:.2f}", *pairs]))
    return [f"| {line} |" for line in lines]


def _rate(way: Measured) -> str:
    return "" if way.operations is None else f"{way.operations / way.seconds / 1e9:.1f}"
