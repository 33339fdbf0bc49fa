"""One transformer block on sequences (Vaswani et al. 2017)."""

import keras
import numpy as np
from pydantic import PositiveInt

from epochwise.inputs.reviews.network import SequenceParams
from epochwise.training.layers import (
    Activation,
    Fraction,
    activation,
    embedding,
    initializer,
)


class Params(SequenceParams):
    """`train.transformer` in params.yaml.

    `feed_forward` is the width inside the block, `widths` are those of the layers behind it.
    """

    heads: PositiveInt
    key_size: PositiveInt
    attention_dropout: Fraction
    feed_forward: PositiveInt
    feed_forward_dropout: Fraction
    widths: list[PositiveInt]
    dropout: Fraction
    activation: Activation


def build(params: Params, vectors: np.ndarray) -> keras.Model:
    """The network, not compiled: its input are token ids (n, words), its output (n, 1) is P(1).

    The embedding starts from word `vectors` (V+1, d), or from random ones where d is 0. In trimmed
    batches padding has no place, is not attended to and does not count in the average.
    """
    kernel = initializer(params.initializer)
    inputs = keras.Input((None if params.trim else params.length,), dtype="int32")
    words = embedding(vectors, params.embedding_size, masked=False)(inputs)
    size = words.shape[-1]
    # Places and masks as functions of the input, so that the saved file needs no layer of our own.
    is_read = keras.ops.not_equal(inputs, 0) if params.trim else keras.ops.ones_like(inputs)
    places = keras.ops.maximum(keras.ops.cumsum(keras.ops.cast(is_read, "int32"), axis=1) - 1, 0)
    if params.embedding_dropout:
        words = keras.layers.SpatialDropout1D(params.embedding_dropout)(words)
    x = _block(words + keras.layers.Embedding(params.length, size)(places), is_read, params)
    x = _average(x, is_read) if params.trim else keras.layers.GlobalAveragePooling1D()(x)
    for width in params.widths:
        x = keras.layers.Dropout(params.dropout)(x)
        x = keras.layers.Dense(width, kernel_initializer=kernel)(x)
        x = activation(params.activation)(x)
    x = keras.layers.Dropout(params.dropout)(x)
    outputs = keras.layers.Dense(1, activation="sigmoid", kernel_initializer=kernel)(x)
    return keras.Model(inputs, outputs)


def _block(x: keras.KerasTensor, is_read: keras.KerasTensor, params: Params) -> keras.KerasTensor:
    """Attention of the words of x (n, words, d) to those that are read, and two dense layers."""
    kernel, size = initializer(params.initializer), x.shape[-1]
    attended = keras.layers.MultiHeadAttention(
        params.heads, params.key_size, kernel_initializer=kernel
    )(x, x, attention_mask=keras.ops.expand_dims(is_read, 1) if params.trim else None)
    x = _add_and_normalize(x, keras.layers.Dropout(params.attention_dropout)(attended))
    inner = keras.layers.Dense(params.feed_forward, kernel_initializer=kernel)(x)
    inner = activation(params.activation)(inner)
    inner = keras.layers.Dense(size, kernel_initializer=kernel)(inner)
    return _add_and_normalize(x, keras.layers.Dropout(params.feed_forward_dropout)(inner))


def _add_and_normalize(x: keras.KerasTensor, change: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.LayerNormalization(epsilon=1e-6)(x + change)


def _average(x: keras.KerasTensor, is_read: keras.KerasTensor) -> keras.KerasTensor:
    """The mean (n, d) of the words of x (n, words, d) that are read; 0 where none is."""
    counted = keras.ops.expand_dims(keras.ops.cast(is_read, x.dtype), -1)
    return keras.ops.sum(x * counted, 1) / keras.ops.maximum(keras.ops.sum(counted, 1), 1)
