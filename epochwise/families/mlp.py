"""The multilayer perceptron on document vectors."""

import keras
import numpy as np
from pydantic import PositiveInt

from epochwise.core.params import Section
from epochwise.training.layers import (
    Activation,
    ClassifierFit,
    Fraction,
    Normalization,
    activation,
    initializer,
    normalization,
)


class Block(Section):
    """Layers of the given widths, each followed by activation, normalization and dropout."""

    widths: list[PositiveInt]
    normalization: Normalization
    dropout: Fraction


class Params(ClassifierFit):
    """`train.mlp` in params.yaml; `input_dropout` hides a share of the document vectors."""

    input_dropout: Fraction
    blocks: list[Block]
    activation: Activation


def build(params: Params, vectors: np.ndarray) -> keras.Model:
    """The network for document `vectors` (n, d), not compiled: its output (n, 1) is P(1)."""
    inputs = x = keras.Input((vectors.shape[1],))
    if params.input_dropout:
        x = keras.layers.Dropout(params.input_dropout)(x)
    for block in params.blocks:
        for width in block.widths:
            x = keras.layers.Dense(width, kernel_initializer=initializer(params.initializer))(x)
            x = activation(params.activation)(x)
            for layer in normalization(block.normalization):
                x = layer(x)
            if block.dropout:
                x = keras.layers.Dropout(block.dropout)(x)
    outputs = keras.layers.Dense(
        1, activation="sigmoid", kernel_initializer=initializer(params.initializer)
    )(x)
    return keras.Model(inputs, outputs)
