import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from epochwise.measures.generation import frechet_distance
from epochwise.review.statistics import (
    Estimate,
    Measure,
    Noise,
    Part,
    Verdict,
    estimate,
    family_verdict,
    frechet_variance,
    holm,
    metric_verdict,
    paired_variance,
    training_parts,
)

P_VALUES = st.lists(st.none() | st.floats(0, 1), max_size=12)


def plain_holm(p_values: list[float]) -> list[float]:
    """Holm's correction as the textbook has it: each p value against all that are not larger."""
    order = sorted(p_values)
    return [
        max(min(1.0, (len(order) - rank) * q) for rank, q in enumerate(order) if q <= p)
        for p in p_values
    ]


@given(P_VALUES)
def test_holm_is_that_of_the_textbook_and_counts_what_nothing_can_be_claimed_of(
    p_values: list[float | None],
) -> None:
    reference = plain_holm([1.0 if p is None else p for p in p_values])
    for p, corrected, expected in zip(p_values, holm(p_values), reference, strict=True):
        assert corrected is None if p is None else corrected == pytest.approx(expected)


def test_the_interval_of_seeds_alone_is_that_of_student() -> None:
    found = estimate(0.02, training_parts(Noise(0.8, 0.01, 5), Noise(0.8, 0.01, 5)))
    error = 0.01 * math.sqrt(2)
    assert found.p == pytest.approx(2 * student.sf(0.02 / error, 4))
    assert found.high - found.low == pytest.approx(2 * student.ppf(0.975, 4) * error)


def test_freedom_is_that_of_welch_and_satterthwaite() -> None:
    variance = 0.01**2 + 0.02**2
    freedom = variance**2 / (0.01**4 / 6 + 0.02**4 / 4)
    found = estimate(0.03, [Part(0.01**2, 6), Part(0.02**2, 4)])
    assert found.p == pytest.approx(2 * student.sf(0.03 / math.sqrt(variance), freedom))


def test_the_same_repeats_count_once_whoever_made_them() -> None:
    same = training_parts(Noise(0.8, 0.5, 5), Noise(0.8, 0.5, 5, own=False))
    assert same == [Part(2 * 0.5**2, 4)]


def test_resamples_in_which_a_metric_is_undefined_are_left_out() -> None:
    """Such as a recall, where no sample of its class is drawn."""

    def mean_with_first(values: np.ndarray) -> Measure:
        def measure(weights: np.ndarray) -> dict[str, np.ndarray]:
            means = weights @ values / weights.sum(axis=1)
            return {"mean": np.where(weights[:, 0] > 0, means, np.nan)}

        return measure

    weights = np.random.default_rng(0).multinomial(9, np.full(9, 1 / 9), size=500).astype(float)
    old, new = np.arange(9.0), np.arange(9.0) ** 2
    kept = weights[weights[:, 0] > 0]
    found = paired_variance(mean_with_first(old), mean_with_first(new), [weights])
    assert 0 < len(kept) < len(weights)
    assert found["mean"] == pytest.approx((kept @ (new - old) / 9).var(ddof=1))


def test_the_interval_of_resampling_alone_is_normal() -> None:
    found = estimate(0.0196, [Part(0.01**2)])
    assert found.p == pytest.approx(0.05, abs=1e-4)
    assert found.low == pytest.approx(0.0, abs=1e-4)


@given(st.floats(0, 1), st.lists(st.floats(1e-6, 1), min_size=1, max_size=3))
def test_more_variance_makes_intervals_wider_and_p_values_larger(
    difference: float, variances: list[float]
) -> None:
    less = estimate(difference, [Part(variance) for variance in variances])
    more = estimate(difference, [Part(variance) for variance in [*variances, 0.1]])
    assert more.high - more.low > less.high - less.low
    assert more.p >= less.p


def test_no_variance_leaves_a_difference_as_it_is() -> None:
    assert estimate(0.0, [Part(0.0)]) == Estimate(0.0, 0.0, 0.0, 1.0)
    assert estimate(0.1, [Part(0.0)]).p == 0.0


def test_training_adds_2_s2_for_single_runs_and_s2_over_k_for_a_mean() -> None:
    old, new = Noise(0.8, 0.5, 5), Noise(0.9, 0.25, 3)
    assert training_parts(old, old) == [Part(2 * 0.5**2, 4)]
    assert training_parts(old, new) == [Part(0.5**2, 4), Part(0.25**2, 2)]
    assert training_parts(old, new, (5, 3)) == [Part(0.5**2 / 5, 4), Part(0.25**2 / 3, 2)]


def mean_of(values: np.ndarray) -> Measure:
    return lambda weights: {"mean": weights @ values / weights.sum(axis=1)}


def test_the_variance_of_a_mean_is_that_of_the_paired_differences() -> None:
    random = np.random.default_rng(0)
    old = random.normal(size=400)
    new = old + random.normal(0.1, 0.2, size=400)
    weights = random.multinomial(400, np.full(400, 1 / 400), size=4000).astype("float64")
    found = paired_variance(mean_of(old), mean_of(new), [weights[:1000], weights[1000:]])
    assert found["mean"] == pytest.approx(np.var(new - old) / 400, rel=0.1)


@pytest.mark.parametrize(
    ("difference", "p", "higher_is_better", "verdict"),
    [
        (0.1, 0.01, True, Verdict.BETTER),
        (0.1, 0.01, False, Verdict.WORSE),
        (-0.1, 0.01, True, Verdict.WORSE),
        (-0.1, 0.01, False, Verdict.BETTER),
        (0.1, 0.05, True, Verdict.WITHIN_NOISE),
    ],
)
def test_a_verdict_is_the_sign_of_what_is_more_than_noise(
    difference: float, p: float, higher_is_better: bool, verdict: Verdict
) -> None:
    found = Estimate(difference, 0.0, 0.0, p)
    assert metric_verdict(found, p, higher_is_better=higher_is_better) == verdict


@given(st.floats(0, 1), st.booleans())
def test_without_the_noise_of_training_nothing_is_better_or_worse(p: float, better: bool) -> None:
    found = metric_verdict(Estimate(0.1, 0.0, 0.2, p), None, higher_is_better=better)
    assert found == (Verdict.UNDECIDED if p < 0.05 else Verdict.WITHIN_NOISE)


@pytest.mark.parametrize(
    ("metrics", "family"),
    [
        ([Verdict.BETTER, Verdict.UNCHANGED], Verdict.BETTER),
        ([Verdict.WITHIN_NOISE, Verdict.WORSE], Verdict.WORSE),
        ([Verdict.BETTER, Verdict.WORSE], Verdict.MIXED),
        ([Verdict.UNDECIDED, Verdict.WITHIN_NOISE], Verdict.UNDECIDED),
        ([Verdict.UNCHANGED, Verdict.UNCHANGED], Verdict.UNCHANGED),
        ([], Verdict.NOT_COMPARED),
    ],
)
def test_a_family_is_what_the_strongest_claim_on_its_metrics_says(
    metrics: list[Verdict], family: Verdict
) -> None:
    assert family_verdict(metrics) == family


@pytest.mark.parametrize(
    ("metrics", "recalls", "family"),
    [
        ([Verdict.WITHIN_NOISE], [Verdict.BETTER, Verdict.WORSE], Verdict.TRADED),
        ([Verdict.UNCHANGED], [Verdict.BETTER, Verdict.WITHIN_NOISE], Verdict.TRADED),
        ([Verdict.BETTER], [Verdict.BETTER, Verdict.WITHIN_NOISE], Verdict.BETTER),
        ([Verdict.WORSE], [Verdict.BETTER, Verdict.WORSE], Verdict.WORSE),
        ([Verdict.BETTER, Verdict.WORSE], [Verdict.BETTER, Verdict.WORSE], Verdict.MIXED),
        ([Verdict.WITHIN_NOISE], [Verdict.UNDECIDED], Verdict.UNDECIDED),
        ([Verdict.WITHIN_NOISE], [Verdict.WITHIN_NOISE], Verdict.WITHIN_NOISE),
    ],
)
def test_recalls_make_no_family_better_or_worse(
    metrics: list[Verdict], recalls: list[Verdict], family: Verdict
) -> None:
    assert family_verdict(metrics, recalls) == family


@pytest.mark.parametrize("few", ["test", "old", "new"])
def test_few_images_on_either_side_make_frechet_distances_differ_more(few: str) -> None:
    random = np.random.default_rng(0)
    means = {"test": 0, "old": -1, "new": 1}
    many = {name: random.normal(mean, 1, size=(2000, 4)) for name, mean in means.items()}
    fewer = many | {few: many[few][:20]}
    variances = [frechet_variance(**each, resamples=50, seed=0) for each in (fewer, many)]
    assert variances[0] > 10 * variances[1]


def test_the_images_of_test_are_drawn_alike_for_both() -> None:
    """As far off in the same direction, two generators gain and lose alike by them."""
    random = np.random.default_rng(0)
    test = random.normal(size=(20, 4))
    old, new, opposite = (random.normal(mean, 1, size=(2000, 4)) for mean in (5, 5, -5))
    alike, apart = (frechet_variance(test, old, other, 50, seed=0) for other in (new, opposite))
    assert apart > 20 * alike


def test_the_variance_of_frechet_distances_is_that_of_other_images() -> None:
    random = np.random.default_rng(0)
    drawn = [[random.normal(mean, 1, (200, 2)) for mean in (0, 1, 2)] for _ in range(2000)]
    differences = [frechet_distance(a, c) - frechet_distance(a, b) for a, b, c in drawn]
    variances = [frechet_variance(a, b, c, 50, seed=0) for a, b, c in drawn[:50]]
    assert np.mean(variances) == pytest.approx(np.var(differences), rel=0.1)
