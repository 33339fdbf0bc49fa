"""Both ways take turns, and the medians make a table."""

import time

from benchmarks.rows import Measured, Row, alternate, table


def test_ways_take_turns_and_the_medians_count() -> None:
    calls: list[str] = []
    waits = iter([0.0, 0.05, 0.2])

    def plain() -> str:
        calls.append("plain")
        time.sleep(next(waits))
        return f"plain {len(calls)}"

    def ours() -> str:
        calls.append("ours")
        return f"ours {len(calls)}"

    (theirs, slow), (made, fast) = alternate(plain, ours, 3)
    assert calls == ["plain", "ours"] * 3
    assert (theirs, made) == ("plain 5", "ours 6")
    assert 0.05 <= slow < 0.2 and fast < 0.05


def test_a_table_has_rates_and_memory_where_they_are_known() -> None:
    known = Row("lstm", "default", Measured(4.0, 8e9, 5e8), Measured(1.0, 3e9, 4e8))
    unknown = Row("encode", "9 reviews", Measured(1.5), Measured(2.0))
    lines = table([known, unknown])
    assert lines[2:] == [
        "| lstm | default | 4 s | 1 s | 4.00 | 2.0 → 3.0 | 500 → 400 |",
        "| encode | 9 reviews | 1.5 s | 2 s | 0.75 |  |  |",
    ]
    assert len({line.count("|") for line in lines}) == 1
