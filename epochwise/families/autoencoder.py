"""The autoencoder of dense layers."""

import keras
from pydantic import PositiveInt

from epochwise.inputs.images import DIGIT
from epochwise.training.layers import Activation, Fit, activation, initializer


class Params(Fit):
    """`train.autoencoder` in params.yaml: `widths` from the image to the code."""

    widths: list[PositiveInt]
    activation: Activation

    def deviation(self) -> float:
        """The standard deviation of noise on what the network reads: none."""
        return 0.0


def build(params: Params) -> dict[str, keras.Model]:
    """The network for images (n, 28, 28, 1) from 0 to 1, and its encoder to codes (n, d)."""
    kernel = initializer(params.initializer)
    inputs = keras.Input(DIGIT)
    x = code = keras.layers.Flatten()(inputs)
    for depth, width in enumerate([*params.widths, *params.widths[-2::-1]], start=1):
        x = keras.layers.Dense(width, kernel_initializer=kernel)(x)
        x = activation(params.activation)(x)
        code = x if depth == len(params.widths) else code
    x = keras.layers.Dense(28 * 28, activation="sigmoid", kernel_initializer=kernel)(x)
    network = keras.Model(inputs, keras.layers.Reshape(DIGIT)(x))
    return {"": network, "encoder": keras.Model(inputs, code)}
