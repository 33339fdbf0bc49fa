"""Operations of networks are those that one counts by hand."""

import keras
import numpy as np
import pytest

from benchmarks import work
from epochwise.training import runtime

layers = keras.layers


@pytest.fixture(autouse=True, scope="module")
def started() -> None:
    runtime.start(1)


def test_dense_layers_take_two_operations_for_an_element_of_their_kernels() -> None:
    inputs = keras.Input((3,))
    network = keras.Model(inputs, layers.Dense(1)(layers.ReLU()(layers.Dense(4)(inputs))))
    assert work.operations(network, 1) == 2 * (3 * 4 + 4 * 1)


def test_a_convolution_is_applied_at_every_place() -> None:
    inputs = keras.Input((8, 8, 3))
    network = keras.Model(inputs, layers.Conv2D(5, 3, strides=2, padding="same")(inputs))
    assert work.operations(network, 1) == 2 * (4 * 4) * (3 * 3 * 3 * 5)


def test_recurrent_layers_read_every_word_and_embeddings_take_nothing() -> None:
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Embedding(50, 6, mask_zero=True)(inputs)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    network = keras.Model(inputs, layers.LSTM(2)(x))
    words = 7
    both = 2 * 2 * words * (6 + 4) * 4 * 4
    assert work.operations(network, words) == both + 2 * words * (8 + 2) * 4 * 2


def test_attention_compares_every_pair_of_words() -> None:
    inputs = keras.Input((None, 6))
    network = keras.Model(inputs, layers.MultiHeadAttention(num_heads=2, key_dim=3)(inputs, inputs))
    words = 5
    kernels = 4 * (6 * 2 * 3)
    # Scores and weighted sums: for each head, pair of words and number of a key.
    pairs = 2 * (2 * words**2 * 2 * 3)
    assert work.operations(network, words) == 2 * words * kernels + pairs


def test_an_epoch_learns_from_train_and_scores_both() -> None:
    inputs = keras.Input((3,))
    base = keras.Model(inputs, layers.Dense(4)(inputs))
    outer = keras.Input((3,))
    network = keras.Model(outer, layers.Dense(1)(base(outer)))
    train, valid = np.ones(10), np.ones(4)
    assert work.epoch(network, train, valid) == (4 * 10 + 4) * 2 * (3 * 4 + 4)
    base.trainable = False
    assert work.epoch(network, train, valid) == (2 * 10 + 4) * 2 * 12 + (4 * 10 + 4) * 2 * 4
