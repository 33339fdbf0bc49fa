"""Which samples make a batch: rows of the train split in a new order, or all of them to score."""

import numpy as np

POOL = 50
"""Batches among whose samples those of like sizes are put together."""
ROWS = 1024
"""Samples that a network scores at once, at most."""


def shuffled(samples: int, size: int, random: np.random.Generator) -> list[np.ndarray]:
    """All rows from 0 to `samples`, in a new order and in batches of up to `size`."""
    return _chunks(random.permutation(samples), size)


def shuffled_by_size(sizes: np.ndarray, size: int, random: np.random.Generator) -> list[np.ndarray]:
    """All rows of samples with these `sizes` (n,), in batches of up to `size` and of like sizes.

    Of every POOL batches of a new order the rows are sorted; then the batches are shuffled. So a
    batch cut to its largest sample has little to fill, and two epochs have no batch in common.
    """
    batches = []
    for pool in _chunks(random.permutation(len(sizes)), POOL * size):
        batches += _chunks(pool[np.argsort(sizes[pool], kind="stable")], size)
    return [batches[place] for place in random.permutation(len(batches))]


def ordered_by_size(sizes: np.ndarray, cells: int) -> list[np.ndarray]:
    """All rows of samples with these `sizes` (n,), the small ones first, in batches to score.

    A batch has at most ROWS samples, and at most so many `cells` when all are as large as its
    largest, unless that one alone has more.
    """
    order = np.argsort(sizes, kind="stable")
    batches: list[np.ndarray] = []
    start = 0
    while start < len(order):
        widths = np.maximum(sizes[order[start : start + ROWS]], 1)
        fits = int(np.count_nonzero(widths * np.arange(1, len(widths) + 1) <= cells))
        stop = start + max(fits, 1)
        batches.append(order[start:stop])
        start = stop
    return batches


def _chunks(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
