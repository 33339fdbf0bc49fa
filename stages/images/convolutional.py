"""The convolutional autoencoder, for clean and for noisy pictures."""

import keras
from pydantic import PositiveInt

from stages.images.autoencoder import AutoencoderFit
from stages.training.choices import activation, initializer

CODE = (7, 7)
"""Height and width of the code: 28 halved twice."""


class Convolutional(AutoencoderFit):
    """The params: filters and kernel sizes of the convolutions before each halving."""

    filters: list[PositiveInt]
    kernel_sizes: list[PositiveInt]


def build(section: Convolutional) -> tuple[keras.Model, keras.Model]:
    """The network, and its encoder to codes (n, d)."""
    layers = keras.layers
    inputs = x = keras.Input((28, 28, 1))
    sizes = list(zip(section.filters, section.kernel_sizes, strict=True))
    for filters, kernel in sizes:
        x = layers.MaxPooling2D(2)(_convolve(x, filters, kernel, section))
    encoder = keras.Model(inputs, layers.Flatten()(x))
    for filters, kernel in reversed(sizes):
        x = _convolve(layers.UpSampling2D(2)(x), filters, kernel, section)
    outputs = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x)
    return keras.Model(inputs, outputs), encoder


def _convolve(
    x: keras.KerasTensor, filters: int, kernel: int, section: Convolutional
) -> keras.KerasTensor:
    layer = keras.layers.Conv2D(
        filters, kernel, padding="same", kernel_initializer=initializer(section.initializer)
    )
    return activation(section.activation)(layer(x))
