"""Rows of token ids equal those of a plain loop, whatever the cut and the padding are."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochwise.inputs.reviews.sequences import (
    Cut,
    Percentile,
    Sequences,
    length_percentiles,
    resolve,
)

TOKENS = st.lists(st.lists(st.integers(1, 99), max_size=20), max_size=8)
END = st.sampled_from(["first", "last", "both"])
PADDING = st.sampled_from(["left", "right"])


def cut(length: int | dict[str, int], end: str = "first", **changes: Any) -> Cut:
    plain = {"length": length, "end": end, "padding": "left", "trim": False}
    return Cut.model_validate(plain | changes)


def lists(tokens: list[list[int]]) -> pa.ListArray:
    return pa.array(tokens, pa.list_(pa.int32()))


def reference(tokens: list[int], length: int, width: int, end: str, padding: str) -> list[int]:
    if len(tokens) > length:
        tail = {"first": 0, "last": length, "both": length // 2}[end]
        tokens = tokens[: length - tail] + tokens[len(tokens) - tail :]
    zeros = [0] * (width - len(tokens))
    return zeros + tokens if padding == "left" else tokens + zeros


@given(TOKENS, st.integers(1, 15), END, PADDING)
def test_rows_equal_a_loop_over_words(
    tokens: list[list[int]], length: int, end: str, padding: str
) -> None:
    expected = [reference(row, length, length, end, padding) for row in tokens]
    made = Sequences.of([lists(tokens)], cut(length, end, padding=padding), length)
    assert made[:].dtype == np.int32 and made.shape == made[:].shape == (len(tokens), length)
    assert made[:].tolist() == expected
    backwards = np.arange(len(tokens))[::-1]
    assert made[backwards].tolist() == expected[::-1]
    assert made.take(backwards)[:].tolist() == expected[::-1]
    sliced = Sequences.of([lists(tokens).slice(1)], made.cut, length)
    assert sliced[:].tolist() == expected[1:]


@given(TOKENS, st.integers(1, 15), END, PADDING)
def test_trimmed_batches_are_as_wide_as_their_longest_review(
    tokens: list[list[int]], length: int, end: str, padding: str
) -> None:
    made = Sequences.of([lists(tokens)], cut(length, end, padding=padding, trim=True), length)
    assert made.shape == (len(tokens), None)
    assert made.sizes.tolist() == [min(len(row), length) for row in tokens]
    for row, ids in enumerate(tokens):
        width = max(min(len(ids), length), 1)
        expected = reference(ids, length, width, end, padding)
        assert made[np.array([row])].tolist() == [expected]


def test_both_ends_of_a_long_review_are_kept() -> None:
    made = Sequences.of([lists([list(range(1, 10))])], cut(5, "both"), 5)
    assert made[:].tolist() == [[1, 2, 3, 8, 9]]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(0, 100))
def test_a_percentile_is_the_least_length_that_so_many_do_not_exceed(
    lengths: list[int], percentile: int
) -> None:
    half = len(lengths) // 2
    parts = (lengths[:half], lengths[half:])
    tables = [pa.table({"tokens": lists([[1] * length for length in part])}) for part in parts]
    found = length_percentiles(tables)[percentile]
    assert found in lengths
    assert sum(length <= found for length in lengths) >= percentile / 100 * len(lengths)
    if percentile:
        assert sum(length < found for length in lengths) < percentile / 100 * len(lengths)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (7, 7),
        (Percentile(percentile=90, at_most=500), 90),
        (Percentile(percentile=90, at_most=60), 60),
        (Percentile(percentile=0, at_most=60), 1),
    ],
)
def test_a_length_is_given_or_read_off_the_train_split(
    length: int | Percentile, words: int
) -> None:
    assert resolve(length, np.arange(101)) == words
