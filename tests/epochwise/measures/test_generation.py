"""The Fréchet distance against its formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from epochwise.measures.generation import frechet_distance


@given(seed=st.integers(0, 2**31), n=st.integers(8, 40), m=st.integers(8, 40))
def test_the_frechet_distance_equals_its_formula(seed: int, n: int, m: int) -> None:
    random = np.random.default_rng(seed)
    first = random.normal(size=(n, 5)) @ random.normal(size=(5, 5))
    second = random.normal(1, 2, size=(m, 5))
    covariances = [np.cov(values, rowvar=False) for values in (first, second)]
    root = sqrtm(covariances[0] @ covariances[1]).real
    shift = first.mean(axis=0) - second.mean(axis=0)
    expected = shift @ shift + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_the_frechet_distance_of_a_set_from_itself_is_nothing() -> None:
    values = np.random.default_rng(0).normal(size=(30, 5))
    assert frechet_distance(values, values[::-1]) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(values, values + 2) == pytest.approx(5 * 4)
