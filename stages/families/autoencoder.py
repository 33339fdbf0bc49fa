"""The autoencoder of dense layers."""

import keras
from pydantic import PositiveInt

from stages.images.autoencoder import AutoencoderFamily, AutoencoderFit
from stages.training.choices import activation, initializer


class Dense(AutoencoderFit):
    """`train.autoencoder` in params.yaml: `widths` from the picture to the code."""

    widths: list[PositiveInt]


def build(section: Dense) -> tuple[keras.Model, keras.Model]:
    """The network, and its encoder to codes (n, d)."""
    kernel = initializer(section.initializer)
    inputs = keras.Input((28, 28, 1))
    x = code = keras.layers.Flatten()(inputs)
    for depth, width in enumerate([*section.widths, *section.widths[-2::-1]], start=1):
        x = keras.layers.Dense(width, kernel_initializer=kernel)(x)
        x = activation(section.activation)(x)
        code = x if depth == len(section.widths) else code
    x = keras.layers.Dense(28 * 28, activation="sigmoid", kernel_initializer=kernel)(x)
    network = keras.Model(inputs, keras.layers.Reshape((28, 28, 1))(x))
    return network, keras.Model(inputs, code)


family = AutoencoderFamily("autoencoder", Dense, build)
