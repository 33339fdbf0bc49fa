"""Intervals cover what they should, and paired tests tell noise from a difference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from epochwise.measures import bootstrap


def test_the_same_resamples_whatever_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(bootstrap.resamples(20, seed=3)))
    monkeypatch.setattr(bootstrap, "CHUNK_ELEMENTS", 20 * 7)
    assert (np.concatenate(list(bootstrap.resamples(20, seed=3))) == whole).all()
    assert (whole.sum(axis=1) == 20).all() and len(whole) == bootstrap.RESAMPLES
    other = np.concatenate(list(bootstrap.resamples(20, seed=4)))
    assert (other != whole).any()


def test_interval_of_a_share_is_that_of_the_binomial() -> None:
    right = np.arange(1000) % 10 > 1
    found = bootstrap.intervals(lambda weights: {"share": weights @ right / 1000}, 1000, seed=1)
    half = 1.96 * np.sqrt(0.8 * 0.2 / 1000)
    assert found["share"] == pytest.approx([0.8 - half, 0.8 + half], abs=0.004)


def test_undefined_values_are_left_out_of_an_interval() -> None:
    values = np.append(np.linspace(0, 1, 1001), np.nan)
    assert bootstrap.interval(values) == pytest.approx([0.025, 0.975])


def test_equal_classifiers_do_not_differ_and_a_far_better_one_does() -> None:
    right = np.ones(100, bool)
    half = np.arange(100) % 2 == 0
    assert bootstrap.mcnemar(half, half) == 1
    assert bootstrap.mcnemar(right, half) == pytest.approx(2 * 0.5**50)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 3))
def test_mcnemar_s_test_is_binomial(gained: int, lost: int, alike: int) -> None:
    ours = np.array([True] * gained + [False] * lost + [True] * alike, bool)
    theirs = np.array([False] * gained + [True] * lost + [True] * alike, bool)
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1
    assert bootstrap.mcnemar(ours, theirs) == pytest.approx(expected)


def test_no_p_value_is_0_and_none_is_above_1() -> None:
    assert bootstrap.p_value(np.zeros(99)) == 1
    assert bootstrap.p_value(np.ones(999)) == pytest.approx(2 / 1000)
    assert bootstrap.p_value(-np.ones(999)) == pytest.approx(2 / 1000)
