"""Recurrent networks on sequences of token ids: an embedding, then stacked LSTM layers."""

from typing import ClassVar, Literal

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

    # The operations on a word are so small that sharing one costs more than it saves.
    shared: ClassVar[bool] = False
    cells: ClassVar[int] = 24 * 1024

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
    loops = _loops(params)
    for index, widths in enumerate(loops):
        layer = _layer(params, widths, return_sequences=index < len(loops) - 1)
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


def _loops(params: Recurrent) -> list[list[int]]:
    """The widths of the LSTM layers that read a review in one loop, by loop.

    In a loop of several a layer reads a word while the one below reads the next, so that two
    processors have work. The first layer, which dropout follows, has a loop of its own, and so has
    each where something is normalized between them, or where padding is not masked: cuDNN, which
    has no loop, takes such a layer on a GPU.
    """
    first, *others = params.units
    if not others or not params.trim or params.normalization != "none":
        return [[width] for width in params.units]
    return [[first], others]


def _layer(params: Recurrent, widths: list[int], return_sequences: bool) -> keras.layers.RNN:
    """LSTM layers of `widths` in one loop."""
    if len(widths) == 1:
        return keras.layers.LSTM(
            *widths,
            return_sequences=return_sequences,
            kernel_initializer=initializer(params.initializer),
            # Masks of padding on the left make cuDNN fail on a GPU.
            use_cudnn=False if params.trim else "auto",
        )
    cells = [
        keras.layers.LSTMCell(width, kernel_initializer=initializer(params.initializer))
        for width in widths
    ]
    return keras.layers.RNN(cells, return_sequences=return_sequences)
