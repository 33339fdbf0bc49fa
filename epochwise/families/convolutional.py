"""The convolutional autoencoder, for clean and for noisy images."""

from typing import Self

import keras
from pydantic import Field, PositiveInt, model_validator

from epochwise.inputs.images import DIGIT
from epochwise.training.layers import Activation, Fit, activation, initializer


class Params(Fit):
    """The params: filters and kernel sizes of the convolutions before each halving.

    28 pixels can be halved twice.
    """

    filters: list[PositiveInt] = Field(min_length=1, max_length=2)
    kernel_sizes: list[PositiveInt]
    activation: Activation

    @model_validator(mode="after")
    def _has_as_many_of_each(self) -> Self:
        if len(self.filters) != len(self.kernel_sizes):
            raise ValueError(
                f"{len(self.filters)} filters and {len(self.kernel_sizes)} kernel_sizes:"
                " expected as many of each"
            )
        return self

    def deviation(self) -> float:
        """The standard deviation of noise on what the network reads: none."""
        return 0.0


def build(params: Params) -> dict[str, keras.Model]:
    """The network for images (n, 28, 28, 1) from 0 to 1, and its encoder to codes (n, d)."""
    layers = keras.layers
    inputs = x = keras.Input(DIGIT)
    sizes = list(zip(params.filters, params.kernel_sizes, strict=True))
    for filters, kernel in sizes:
        x = layers.MaxPooling2D(2)(_convolve(x, filters, kernel, params))
    encoder = keras.Model(inputs, layers.Flatten()(x))
    for filters, kernel in reversed(sizes):
        x = _convolve(layers.UpSampling2D(2)(x), filters, kernel, params)
    last = layers.Conv2D(
        1,
        3,
        padding="same",
        activation="sigmoid",
        kernel_initializer=initializer(params.initializer),
    )
    return {"": keras.Model(inputs, last(x)), "encoder": encoder}


def _convolve(x: keras.KerasTensor, filters: int, kernel: int, params: Params) -> keras.KerasTensor:
    layer = keras.layers.Conv2D(
        filters, kernel, padding="same", kernel_initializer=initializer(params.initializer)
    )
    return activation(params.activation)(layer(x))
