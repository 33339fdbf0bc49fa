"""The multilayer perceptron on document vectors."""

import keras
import numpy as np
from pydantic import PositiveInt

from stages.core.params import Section
from stages.reviews.networks import ReviewFit, ReviewNetwork
from stages.training.choices import (
    Activation,
    Fraction,
    Normalization,
    activation,
    initializer,
    normalization,
)


class Block(Section):
    """Layers of the given widths, each with activation, normalization and dropout alike."""

    widths: list[PositiveInt]
    normalization: Normalization
    dropout: Fraction


class Mlp(ReviewFit):
    """`train.mlp` in params.yaml."""

    blocks: list[Block]
    activation: Activation


def build(params: Mlp, vectors: np.ndarray) -> keras.Model:
    """The network for document `vectors` (n, d)."""
    inputs = x = keras.Input((vectors.shape[1],))
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


family = ReviewNetwork("mlp", Mlp, build)
