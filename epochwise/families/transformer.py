"""One transformer block on sequences (Vaswani et al. 2017)."""

from typing import Literal

import keras
import numpy as np
from pydantic import PositiveInt

from epochwise.inputs.reviews.network import SequenceParams
from epochwise.training.layers import (
    Activation,
    Fit,
    Fraction,
    activation,
    embedding,
    initializer,
)


class Params(Fit, SequenceParams):
    """`train.transformer` in params.yaml.

    `embedding_size` counts where the embedding starts from random vectors; `feed_forward` is the
    width inside the block, `widths` are those of the layers behind it.
    """

    class_weight: Literal["balanced"] | list[float] | None
    embedding_size: PositiveInt
    heads: PositiveInt
    key_size: PositiveInt
    attention_dropout: Fraction
    feed_forward: PositiveInt
    feed_forward_dropout: Fraction
    widths: list[PositiveInt]
    dropout: Fraction
    activation: Activation


def build(params: Params, vectors: np.ndarray) -> keras.Model:
    """The network, not compiled: its input are token ids (n, length), its output (n, 1) is P(1).

    The embedding starts from word `vectors` (V+1, d), or from random ones where d is 0.
    """
    kernel = initializer(params.initializer)
    inputs = keras.Input((params.length,), dtype="int32")
    words = embedding(vectors, params.embedding_size)(inputs)
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
