"""Recurrent networks: an embedding, LSTM layers one on the other, P(1)."""

from typing import Literal

import keras
import numpy as np
from pydantic import PositiveInt

from stages.reviews.networks import SequenceFit, embedding_layer
from stages.training.choices import Fraction, Normalization, initializer, normalization


class Recurrent(SequenceFit):
    """Widths of an embedding and of LSTM layers, the first of them followed by dropout.

    `embedding_size` counts where the embedding starts from random vectors.
    """

    embedding_size: PositiveInt
    units: list[PositiveInt]
    dropout: Fraction
    normalization: Normalization


class Bidirectional(Recurrent):
    """The first LSTM layer reads both ways; `merge_mode` joins the two outputs."""

    merge_mode: Literal["concat", "sum", "mul", "ave"]


def build(params: Recurrent, vectors: np.ndarray) -> keras.Model:
    """The network for sequences of token ids, with word `vectors` (V+1, d) to start from."""
    inputs = keras.Input((params.length,), dtype="int32")
    x = embedding_layer(vectors, params.embedding_size)(inputs)
    last = len(params.units) - 1
    for index, units in enumerate(params.units):
        layer = keras.layers.LSTM(
            units,
            return_sequences=index < last,
            kernel_initializer=initializer(params.initializer),
        )
        if index == 0 and isinstance(params, Bidirectional):
            layer = keras.layers.Bidirectional(layer, merge_mode=params.merge_mode)
        x = layer(x)
        for norm in normalization(params.normalization):
            x = norm(x)
        if index == 0 and params.dropout:
            x = keras.layers.Dropout(params.dropout)(x)
    outputs = keras.layers.Dense(
        1, activation="sigmoid", kernel_initializer=initializer(params.initializer)
    )(x)
    return keras.Model(inputs, outputs)
