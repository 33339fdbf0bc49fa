"""The statistics of a change: the interval of a difference, its p value and its verdict.

The difference of two single runs has the variance of paired resampling of test plus that of
training twice, as another seed would have moved either of them (Bouthillier et al. 2021,
"Accounting for Variance in Machine Learning Benchmarks"). The deviation over seeds is measured on
one test set, and so holds a little of what resampling holds as well: intervals err to the wide
side.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from epochwise.measures.generation import frechet_distance

LEVEL = 0.05
"""Error rate of all claims of a report together; intervals hold 1 - LEVEL each."""

Measure = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Metrics of one model by sample weights (k, n): name to (k,)."""


class Verdict(StrEnum):
    """What can be said of a change."""

    BETTER = "better"
    WORSE = "worse"
    MIXED = "better and worse"
    TRADED = "trades errors"
    UNDECIDED = "undecided"
    WITHIN_NOISE = "within noise"
    NOT_COMPARED = "cannot be compared"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Noise:
    """Training noise of a metric: mean and deviation over `repeats` seeds.

    `own` tells whether they were measured with the params and data of the revision itself.
    """

    mean: float
    std: float
    repeats: int
    own: bool = field(default=True, compare=False)


@dataclass(frozen=True)
class Part:
    """A part of a variance and the degrees of freedom of its estimate."""

    variance: float
    freedom: float = math.inf


@dataclass(frozen=True)
class Estimate:
    """A difference with its 95 % interval and the two-sided p value against none."""

    difference: float
    low: float
    high: float
    p: float


def paired_variance(old: Measure, new: Measure, draws: Iterable[np.ndarray]) -> dict[str, float]:
    """Variance of new - old for each metric, over resamples of the samples that both share.

    `draws` are chunks of weights (k, n), as `bootstrap.resamples` yields them: the same samples
    for both models (paired bootstrap, Efron & Tibshirani 1993). Resamples in which a metric is
    undefined are left out.
    """
    chunks: dict[str, list[np.ndarray]] = {}
    for weights in draws:
        before, after = old(weights), new(weights)
        for name, values in after.items():
            chunks.setdefault(name, []).append(values - before[name])
    found = {name: np.concatenate(drawn) for name, drawn in chunks.items()}
    defined = {name: values[~np.isnan(values)] for name, values in found.items()}
    return {
        name: float(values.var(ddof=1)) if len(values) > 1 else math.nan
        for name, values in defined.items()
    }


def frechet_variance(
    test: np.ndarray, old: np.ndarray, new: np.ndarray, resamples: int, seed: int
) -> float:
    """Variance of the difference of two Fréchet distances to the features of test (n, d).

    `old` and `new` are features of generated images (m, d), which have no pairs: the images of
    test are drawn alike for both, the generated ones for each apart.
    """
    from threadpoolctl import threadpool_limits

    random = np.random.default_rng(seed)

    def drawn(features: np.ndarray) -> np.ndarray:
        return features[random.integers(len(features), size=len(features))]

    differences = []
    with threadpool_limits(1):  # with matrices as small as these, threads wait for each other
        for _ in range(resamples):
            images = drawn(test)
            before = frechet_distance(images, drawn(old))
            differences.append(frechet_distance(images, drawn(new)) - before)
    return float(np.var(differences, ddof=1))


def mcnemar_estimate(gained: int, lost: int, samples: int, p: float) -> Estimate:
    """The difference of the accuracy of two given models, with the `p` of McNemar's exact test.

    Of `samples` the new model alone gets `gained` right, the old one alone `lost`. The interval is
    that of the share of gains among these (Clopper & Pearson 1934): it holds 0 where p is above
    LEVEL, as both are of the same binomial.
    """
    from scipy.special import betaincinv

    apart, tail = gained + lost, LEVEL / 2
    low = betaincinv(gained, lost + 1, tail) if gained else 0.0
    high = betaincinv(gained + 1, lost, 1 - tail) if lost else 1.0
    low, high = (float(2 * share - 1) * apart / samples for share in (low, high))
    return Estimate((gained - lost) / samples, low, high, p)


def training_parts(old: Noise, new: Noise, runs: tuple[int, int] = (1, 1)) -> list[Part]:
    """What training adds to the variance of a difference: s² of either side, over its `runs`.

    A value is of a single run, or the mean of several. Where both sides rest on the same repeats,
    as two single runs do, the estimate is one, counted twice: 2 s².
    """
    if old == new:
        return [Part(2 * old.std**2, old.repeats - 1)]
    return [
        Part(side.std**2 / count, side.repeats - 1)
        for side, count in zip((old, new), runs, strict=True)
    ]


def estimate(difference: float, parts: Sequence[Part]) -> Estimate:
    """The interval of a difference whose variance is the sum of `parts`.

    Student's t with the degrees of freedom of Welch and Satterthwaite (1946), as a deviation
    measured over a few seeds is itself uncertain.
    """
    from scipy.special import stdtr, stdtrit

    variance = sum(part.variance for part in parts)
    if variance == 0:
        return Estimate(difference, difference, difference, 1.0 if difference == 0 else 0.0)
    doubt = sum(part.variance**2 / part.freedom for part in parts)
    freedom = min(variance**2 / doubt if doubt else math.inf, 1e9)
    error = math.sqrt(variance)
    reach = float(stdtrit(freedom, 1 - LEVEL / 2)) * error
    p = 2 * float(stdtr(freedom, -abs(difference) / error))
    return Estimate(difference, difference - reach, difference + reach, p)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P values corrected for their number (Holm 1979), in the order given.

    None is a comparison that nothing can be claimed of. It counts as one, as if its p were 1.
    """
    order = sorted(
        (index for index, p in enumerate(p_values) if p is not None),
        key=lambda index: p_values[index] or 0.0,
    )
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * (p_values[index] or 0.0)))
        corrected[index] = highest
    return corrected


def metric_verdict(found: Estimate, corrected: float | None, *, higher_is_better: bool) -> Verdict:
    """What can be said of one metric, from its interval and the p value that Holm corrected.

    Without a corrected p value the training noise is unknown and `found` holds resampling of test
    alone: a difference within that is within all noise, a larger one stays undecided.
    """
    if corrected is None:
        return Verdict.WITHIN_NOISE if found.p >= LEVEL else Verdict.UNDECIDED
    if corrected >= LEVEL:
        return Verdict.WITHIN_NOISE
    return Verdict.BETTER if (found.difference > 0) == higher_is_better else Verdict.WORSE


def family_verdict(verdicts: Iterable[Verdict], traded: Iterable[Verdict] = ()) -> Verdict:
    """What can be said of a family, from the verdicts on its metrics and on its recalls.

    A threshold buys the recall of one class with that of the other, so those, `traded`, make no
    family better or worse.
    """
    found, recalls = set(verdicts), set(traded)
    claims = {Verdict.BETTER, Verdict.WORSE}
    if claims <= found:
        return Verdict.MIXED
    if not claims & found:
        if claims & recalls:
            return Verdict.TRADED
        found |= recalls
    # Declared from the strongest claim to the weakest.
    return next((verdict for verdict in Verdict if verdict in found), Verdict.NOT_COMPARED)
