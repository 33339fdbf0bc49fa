"""Recurrent networks on sequences of token ids: an embedding, then stacked LSTM layers."""

from typing import Literal

import keras
import numpy as np
from pydantic import Field, PositiveInt

from epochwise.inputs.reviews.network import SequenceParams
from epochwise.training.layers import (
    Fraction,
    Normalization,
    embedding,
    initializer,
    normalization,
)


class Recurrent(SequenceParams):
    """Params of LSTM layers of the widths `units`, the first of them followed by dropout."""

    units: list[PositiveInt] = Field(min_length=1)
    dropout: Fraction
    normalization: Normalization


class Bidirectional(Recurrent):
    """Params of LSTM layers, the first of which reads both ways; `merge_mode` joins its outputs."""

    merge_mode: Literal["concat", "sum", "mul", "ave"]


def build(params: Recurrent, vectors: np.ndarray) -> keras.Model:
    """The network, not compiled: its input are token ids (n, words), its output (n, 1) is P(1).

    The embedding starts from word `vectors` (V+1, d), or from random ones where d is 0.
    """
    inputs = keras.Input((None if params.trim else params.length,), dtype="int32")
    x = embedding(vectors, params.embedding_size, masked=params.trim)(inputs)
    if params.embedding_dropout:
        x = keras.layers.SpatialDropout1D(params.embedding_dropout)(x)
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
