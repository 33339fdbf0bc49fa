"""Bootstrap intervals and paired tests: is a figure, or a difference, more than noise?"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

RESAMPLES = 1000
CHUNK_ELEMENTS = 500_000
"""Weights at a time: a few megabytes, which a processor keeps near."""


def resamples(n: int, seed: int) -> Iterator[np.ndarray]:
    """Bootstrap resamples (Efron 1979) of n samples, in chunks of float64 weights (resamples, n).

    A weight is how often a sample is drawn. The same `n` and `seed` give the same resamples, so
    that two models can be compared in pairs. In memory the resamples of a sample lie beside each
    other, since to reorder, add up and sum samples is then quick.
    """
    random = np.random.default_rng(seed)
    rows = max(1, CHUNK_ELEMENTS // n)
    for start in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - start)
        drawn = random.integers(n, size=(count, n)) + n * np.arange(count)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n)
        yield weights.T.astype("float64", order="C").T


def interval(values: np.ndarray) -> list[float]:
    """The central 95 % of bootstrap `values`; undefined ones, which are nan, are left out."""
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return [float(low), float(high)]


def intervals(
    measure: Callable[[np.ndarray], dict[str, np.ndarray]], n: int, seed: int
) -> dict[str, list[float]]:
    """The intervals of what `measure` makes, name to (k,), of the weights (k, n) of n samples."""
    with threadpool_limits(1):  # threads would wait for each other, and for memory
        drawn = pd.concat(pd.DataFrame(measure(weights)) for weights in resamples(n, seed))
    return {name: interval(values.to_numpy()) for name, values in drawn.items()}


def p_value(differences: np.ndarray) -> float:
    """Two-sided p value of bootstrap `differences` against zero.

    Twice the smaller share on one side of zero, the observed sample counted among the resamples
    so that no p value is 0 (Davison & Hinkley 1997, section 4.2).
    """
    below = (np.count_nonzero(differences <= 0) + 1) / (len(differences) + 1)
    above = (np.count_nonzero(differences >= 0) + 1) / (len(differences) + 1)
    return min(1.0, 2 * min(below, above))


def mcnemar(correct: np.ndarray, other_correct: np.ndarray) -> float:
    """P value of McNemar's exact test: do two classifiers err equally often on the same samples?

    Both are boolean (n,). Only samples that exactly one classifier gets right count (McNemar 1947):
    if both err equally often, the number that the first one alone gets right is binomial with
    p = 1/2. Summed here, exactly, since scipy.stats takes longer to import than all the rest.
    """
    gained = int(np.count_nonzero(correct & ~other_correct))
    lost = int(np.count_nonzero(~correct & other_correct))
    ways = tail = 1
    for chosen in range(min(gained, lost)):
        ways = ways * (gained + lost - chosen) // (chosen + 1)
        tail += ways
    return min(1.0, 2 * tail / 2 ** (gained + lost))
