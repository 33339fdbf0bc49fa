"""The lazy optimizer equals Adamax where every row is touched, and leaves the others alone."""

import keras
import numpy as np
import pytest

from epochwise.training import runtime
from epochwise.training.lazy import LazyAdamax

RANDOM = np.random.default_rng(0)
START = RANDOM.normal(size=(6, 3)).astype("float32")


@pytest.fixture(scope="module", autouse=True)
def started() -> None:
    runtime.start(seed=0)


def trained(kind: type[keras.optimizers.Adamax], batches: list[list[list[int]]]) -> np.ndarray:
    """The embedding of six words after a step for each of the `batches` of token ids."""
    layer = keras.layers.Embedding(6, 3, weights=[START])
    outputs = keras.layers.Dense(1, kernel_initializer="ones")
    network = keras.Sequential(
        [keras.Input((2,), dtype="int32"), layer, keras.layers.GlobalAveragePooling1D(), outputs]
    )
    network.compile(kind(0.1), "mse")
    for ids in batches:
        network.train_on_batch(np.array(ids), np.zeros(len(ids)))
    weights: np.ndarray = layer.get_weights()[0]
    return weights


def test_it_is_adamax_where_every_row_is_touched() -> None:
    steps = [[[0, 1], [2, 3], [4, 5]], [[5, 0], [1, 1], [2, 3], [4, 4]]]
    plain, lazy = (trained(kind, steps) for kind in (keras.optimizers.Adamax, LazyAdamax))
    np.testing.assert_allclose(lazy, plain, rtol=1e-5)
    assert not np.isclose(lazy, START).any()


def test_rows_that_a_batch_has_not_touched_stay() -> None:
    first, second = [[0, 1], [1, 2]], [[2, 2]]
    after = [trained(LazyAdamax, steps) for steps in ([first], [first, second])]
    np.testing.assert_array_equal(after[0][3:], START[3:])
    np.testing.assert_array_equal(after[1][[0, 1, 3, 4, 5]], after[0][[0, 1, 3, 4, 5]])
    assert (after[1][2] != after[0][2]).all()
    moved = trained(keras.optimizers.Adamax, [first, second])
    assert (moved[:2] != after[0][:2]).all()
