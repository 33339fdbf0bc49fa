"""Do the intervals and verdicts hold what they promise? Counted on simulated models."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score

from epochwise.measures import bootstrap
from epochwise.review.lock import Model
from epochwise.review.pairs import Training, compare_predictions
from epochwise.review.report import FamilyChange, judge
from epochwise.review.statistics import Noise, Verdict
from tests.epochwise.review.simulation import METRICS, Simulated, predictions

OLD, NEW = Simulated(1.0, 0.1), Simulated(1.15, 0.1)
SAMPLES = 200
KNOWN = 10**9
"""Repeats after which a deviation is as good as known."""
SEEDS, FAMILIES, PROJECTS = 5, 4, 8


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for a variance, and quick enough for thousands of them."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)


def known_noise(family: Simulated) -> dict[str, Noise]:
    return {
        name: Noise(family.expected()[name], std, KNOWN, own=False)
        for name, std in family.deviation().items()
    }


def rough(noise: dict[str, Noise], random: np.random.Generator) -> dict[str, Noise]:
    """`noise` as a few seeds show it: their variance has a chi-square distribution."""
    share = np.sqrt(random.chisquare(SEEDS - 1) / (SEEDS - 1))
    return {
        name: replace(known, std=known.std * share, repeats=SEEDS) for name, known in noise.items()
    }


def coverage(
    repetitions: int, training: Callable[[np.random.Generator], Training]
) -> dict[str, float]:
    """How often the interval holds the known difference of the two families."""
    random = np.random.default_rng(1)
    truth = {name: NEW.expected()[name] - OLD.expected()[name] for name in METRICS}
    held = dict.fromkeys(METRICS, 0)
    for repetition in range(repetitions):
        parted = np.concatenate([family.trainings(1, random) for family in (OLD, NEW)])
        old, new = predictions(parted, SAMPLES, random)
        compared = compare_predictions("binary", old, new, training(random), repetition)
        for each in compared.comparisons:
            held[each.metric.key] += each.found.low <= truth[each.metric.key] <= each.found.high
    return {name: count / repetitions for name, count in held.items()}


def test_intervals_with_the_noise_of_training_hold_the_difference_95_times_in_100() -> None:
    old, new = known_noise(OLD), known_noise(NEW)
    found = coverage(500, lambda random: Training(True, old, new))
    assert all(0.93 <= share <= 0.97 for share in found.values()), found


@pytest.mark.long
def test_so_they_do_if_a_few_seeds_are_all_that_is_known_of_the_noise() -> None:
    old, new = known_noise(OLD), known_noise(NEW)
    found = coverage(1000, lambda random: Training(True, rough(old, random), rough(new, random)))
    assert all(0.93 <= share <= 0.97 for share in found.values()), found


def test_intervals_without_the_noise_of_training_hold_it_too_seldom() -> None:
    found = coverage(300, lambda random: Training(False, {}, {}))
    assert found.pop("recall_0") >= 0.93, "no training moves class 0 or the threshold here"
    assert all(share <= 0.9 for share in found.values()), found


@pytest.mark.parametrize("measured_on", [slice(0, SEEDS), slice(SEEDS, None)])
def test_seeds_of_the_same_params_are_seldom_better_or_worse_than_each_other(
    measured_on: slice,
) -> None:
    """Whether the noise was measured on the same five seeds or on five others."""
    random = np.random.default_rng(2)
    claims, total = 0, 0
    for _ in range(PROJECTS):
        families = [
            predictions(OLD.trainings(2 * SEEDS, random), SAMPLES, random) for _ in range(FAMILIES)
        ]
        noises = [measured_noise(runs[measured_on]) for runs in families]
        for first, second in combinations(range(SEEDS), 2):
            changes = [
                change(runs[first], runs[second], Training(True, noise, noise))
                for runs, noise in zip(families, noises, strict=True)
            ]
            verdicts = [judged.verdict for judged in judge(changes)]
            claims += sum(verdict != Verdict.WITHIN_NOISE for verdict in verdicts)
            total += len(verdicts)
    assert claims <= 0.05 * total, f"{claims} of {total}"


def measured_noise(runs: list[pd.DataFrame]) -> dict[str, Noise]:
    """The noise as a project knows it: over the few seeds that it ran."""
    values = {
        "roc_auc": [roc_auc_score(run["label"], run["probability"]) for run in runs],
        "balanced_accuracy": [
            balanced_accuracy_score(run["label"], run["predicted"]) for run in runs
        ],
    } | {
        f"recall_{label}": [
            recall_score(run["label"], run["predicted"], pos_label=label) for run in runs
        ]
        for label in (0, 1)
    }
    return {
        name: Noise(float(np.mean(found)), float(np.std(found, ddof=1)), len(found))
        for name, found in values.items()
    }


def change(old: pd.DataFrame, new: pd.DataFrame, training: Training) -> FamilyChange:
    compared = compare_predictions("binary", old, new, training, seed=0)
    return FamilyChange("family", None, None, Model.ANEW, Verdict.NOT_COMPARED, compared)
