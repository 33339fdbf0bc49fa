"""The same seed gives the same bits, and what is no number is refused."""

import keras
import numpy as np
import pytest

from epochwise.core.cli import InputError
from epochwise.training import runtime

INPUTS = np.random.default_rng(0).random((5, 3)).astype("float32")


def trained() -> np.ndarray:
    runtime.start(7)
    network = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)]
    )
    network.compile("adam", "mse")
    network.fit(runtime.batches((INPUTS, np.ones((5, 4), "float32")), 2), epochs=2, verbose=0)
    return runtime.outputs(network, INPUTS, 2)


def test_the_same_seed_gives_the_same_bits() -> None:
    np.testing.assert_array_equal(trained(), trained())


def test_batches_follow_the_order_and_the_last_is_what_is_left() -> None:
    order = np.array([4, 2, 0, 1, 3])
    found = [batch.numpy() for (batch,) in runtime.batches((INPUTS,), 2, order)]
    assert [len(batch) for batch in found] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(found), INPUTS[order])


def test_outputs_that_are_no_numbers_are_refused() -> None:
    inputs = keras.Input((3,))
    network = keras.Model(inputs, keras.ops.log(inputs - 2.0))
    with pytest.raises(InputError, match=r"not a number: lower optimizer\.learning_rate"):
        runtime.outputs(network, INPUTS, 2)
