"""Batches have every sample once, in orders of their own, and of like sizes where asked."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from epochwise.training import batches

SIZES = st.lists(st.integers(0, 300), max_size=200).map(lambda sizes: np.array(sizes, "int64"))


@given(SIZES, st.integers(1, 9), st.integers(0, 9))
def test_every_sample_is_in_one_batch(sizes: np.ndarray, size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    found = [
        batches.shuffled(len(sizes), size, random),
        batches.shuffled_by_size(sizes, size, random),
    ]
    for made in found:
        assert sorted(row for rows in made for row in rows) == list(range(len(sizes)))
        assert all(0 < len(rows) <= size for rows in made)
    to_score = batches.ordered_by_size(sizes, 500)
    assert sorted(row for rows in to_score for row in rows) == list(range(len(sizes)))


def test_two_epochs_have_orders_of_their_own() -> None:
    sizes = np.repeat([3, 5], 20)
    random = np.random.default_rng(0)
    first, second = (batches.shuffled_by_size(sizes, 4, random) for _ in range(2))
    assert [set(rows) for rows in first] != [set(rows) for rows in second]
    again = batches.shuffled_by_size(sizes, 4, np.random.default_rng(0))
    assert [rows.tolist() for rows in again] == [rows.tolist() for rows in first]


def test_a_batch_of_a_pool_has_like_sizes_and_batches_come_in_any_order() -> None:
    sizes = np.random.default_rng(0).permutation(batches.POOL * 8)
    made = batches.shuffled_by_size(sizes, 8, np.random.default_rng(1))
    assert all(np.ptp(sizes[rows]) == 7 for rows in made)
    firsts = [sizes[rows].min() for rows in made]
    assert firsts != sorted(firsts)


@given(SIZES)
def test_batches_to_score_are_sorted_and_bounded(sizes: np.ndarray) -> None:
    made = batches.ordered_by_size(sizes, 1000)
    assert all(len(rows) * max(sizes[rows].max(), 1) <= 1000 for rows in made)
    order = [sizes[row] for rows in made for row in rows]
    assert order == sorted(order)


def test_one_sample_may_be_larger_than_a_batch() -> None:
    made = batches.ordered_by_size(np.array([11, 1]), 10)
    assert [rows.tolist() for rows in made] == [[1], [0]]
