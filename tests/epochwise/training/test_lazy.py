"""The lazy optimizer takes rows that a batch reads where Adamax does, and leaves others alone."""

import keras
import numpy as np
import pytest
from keras.optimizers import Adamax

from epochwise.training import runtime
from epochwise.training.lazy import LazyAdamax

RANDOM = np.random.default_rng(0)
START = RANDOM.normal(size=(6, 3)).astype("float32")
RATE = 0.1


@pytest.fixture(scope="module", autouse=True)
def started() -> None:
    runtime.start(seed=0)


def trained(optimizer: Adamax, batches: list[list[list[int]]]) -> np.ndarray:
    """The embedding of six words, which alone learns, after `batches` of token ids."""
    layer = keras.layers.Embedding(6, 3, weights=[START])
    outputs = keras.layers.Dense(1, kernel_initializer="ones", trainable=False)
    network = keras.Sequential(
        [keras.Input((2,), dtype="int32"), layer, keras.layers.GlobalAveragePooling1D(), outputs]
    )
    network.compile(optimizer, "mse")
    for ids in batches:
        network.train_on_batch(np.array(ids), np.zeros(len(ids)))
    weights: np.ndarray = layer.get_weights()[0]
    return weights


def test_it_is_adamax_without_momentum_where_every_row_is_touched() -> None:
    steps = [[[0, 1], [2, 3], [4, 5]], [[5, 0], [1, 1], [2, 3], [4, 4]]]
    plain = trained(Adamax(RATE, beta_1=0.0), steps)
    lazy = trained(LazyAdamax(RATE), steps)
    np.testing.assert_allclose(lazy, plain, rtol=1e-5)
    assert not np.isclose(lazy[2:], START[2:]).any()


def test_a_word_read_once_goes_as_far_as_the_momentum_of_adamax_takes_it() -> None:
    others, once = [[5, 5]], [[0, 0]]
    steps = [*[others] * 60, once, *[others] * 90]
    plain, lazy = (trained(kind(RATE), steps) - START for kind in (Adamax, LazyAdamax))
    np.testing.assert_allclose(lazy[0], plain[0], rtol=0.02)
    at_once = trained(Adamax(RATE), steps[:61]) - START
    np.testing.assert_allclose(at_once[0], lazy[0] / 10, rtol=0.02)


def test_rows_that_a_batch_has_not_touched_stay() -> None:
    first, second = [[0, 1], [1, 2]], [[2, 2]]
    after = [trained(LazyAdamax(RATE), steps) for steps in ([first], [first, second])]
    np.testing.assert_array_equal(after[0][3:], START[3:])
    np.testing.assert_array_equal(after[1][[0, 1, 3, 4, 5]], after[0][[0, 1, 3, 4, 5]])
    assert (after[1][2] != after[0][2]).all()
    moved = trained(Adamax(RATE), [first, second])
    assert (moved[:2] != after[0][:2]).all()
