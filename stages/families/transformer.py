"""One transformer block on sequences (Vaswani et al. 2017)."""

import keras
import numpy as np
from pydantic import PositiveInt

from stages.reviews.networks import ReviewNetwork, SequenceFit, embedding_layer
from stages.training.choices import Activation, Fraction, activation, initializer


class Transformer(SequenceFit):
    """`train.transformer` in params.yaml.

    `embedding_size` counts where the embedding starts from random vectors; `feed_forward` is the
    width inside the block, `widths` are those of the layers behind it.
    """

    embedding_size: PositiveInt
    heads: PositiveInt
    key_size: PositiveInt
    attention_dropout: Fraction
    feed_forward: PositiveInt
    feed_forward_dropout: Fraction
    widths: list[PositiveInt]
    dropout: Fraction
    activation: Activation


def build(params: Transformer, vectors: np.ndarray) -> keras.Model:
    """The network for sequences of token ids, with word `vectors` (V+1, d) to start from."""
    kernel = initializer(params.initializer)
    inputs = keras.Input((params.length,), dtype="int32")
    words = embedding_layer(vectors, params.embedding_size)(inputs)
    size = words.shape[-1]
    # Positions as a function of the input, so that the saved file needs no layer of our own.
    places = keras.ops.cumsum(keras.ops.ones_like(inputs), axis=1) - 1
    x = words + keras.layers.Embedding(params.length, size)(places)
    attended = keras.layers.MultiHeadAttention(
        params.heads, params.key_size, kernel_initializer=kernel
    )(x, x)
    x = _add_and_normalize(x, keras.layers.Dropout(params.attention_dropout)(attended))
    inner = keras.layers.Dense(params.feed_forward, kernel_initializer=kernel)(x)
    inner = activation(params.activation)(inner)
    inner = keras.layers.Dense(size, kernel_initializer=kernel)(inner)
    x = _add_and_normalize(x, keras.layers.Dropout(params.feed_forward_dropout)(inner))
    x = keras.layers.GlobalAveragePooling1D()(x)
    for width in params.widths:
        x = keras.layers.Dropout(params.dropout)(x)
        x = keras.layers.Dense(width, kernel_initializer=kernel)(x)
        x = activation(params.activation)(x)
    x = keras.layers.Dropout(params.dropout)(x)
    outputs = keras.layers.Dense(1, activation="sigmoid", kernel_initializer=kernel)(x)
    return keras.Model(inputs, outputs)


def _add_and_normalize(x: keras.KerasTensor, change: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.LayerNormalization(epsilon=1e-6)(x + change)


family = ReviewNetwork("transformer", Transformer, build)
