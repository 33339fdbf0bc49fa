"""The same seed gives the same bits."""

import keras
import numpy as np

from epochwise.training import runtime

INPUTS = np.random.default_rng(0).random((5, 3)).astype("float32")


def trained() -> np.ndarray:
    runtime.start(7)
    network = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)]
    )
    network.compile("adam", "mse")
    network.fit(INPUTS, np.ones((5, 4), "float32"), 2, epochs=2, verbose=0)
    return network.predict(INPUTS, 2, verbose=0)


def test_the_same_seed_gives_the_same_bits() -> None:
    np.testing.assert_array_equal(trained(), trained())
