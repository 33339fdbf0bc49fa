"""The autoencoder of dense layers."""

from typing import Literal

import keras
from pydantic import Field, PositiveInt

from epochwise.inputs.images import DIGIT
from epochwise.training.layers import (
    Activation,
    Fit,
    Fraction,
    Normalization,
    activation,
    initializer,
    normalization,
)


class Params(Fit):
    """`train.autoencoder` in params.yaml: `widths` from the image to the code.

    `code_activation` is that of the code alone. Units of a narrow code that a ReLU has shut once
    learn no more; linear ones all stay in use, as the components of PCA do. `dropout` is the share
    of pixels that are dropped in training, so that the code holds what the others tell of them too
    (Vincent et al. 2008).
    """

    widths: list[PositiveInt] = Field(min_length=1)
    activation: Activation
    normalization: Normalization
    code_activation: Activation | Literal["linear"]
    dropout: Fraction

    def deviation(self) -> float:
        """The standard deviation of noise on what the network reads: none."""
        return 0.0


def build(params: Params) -> dict[str, keras.Model]:
    """The network for images (n, 28, 28, 1) from 0 to 1, and its encoder to codes (n, d)."""
    kernel = initializer(params.initializer)
    inputs = keras.Input(DIGIT)
    x = code = keras.layers.Flatten()(inputs)
    if params.dropout:
        x = keras.layers.Dropout(params.dropout)(x)
    for depth, width in enumerate([*params.widths, *params.widths[-2::-1]], start=1):
        x = keras.layers.Dense(width, kernel_initializer=kernel)(x)
        for layer in _behind(params, depth == len(params.widths)):
            x = layer(x)
        code = x if depth == len(params.widths) else code
    x = keras.layers.Dense(28 * 28, activation="sigmoid", kernel_initializer=kernel)(x)
    network = keras.Model(inputs, keras.layers.Reshape(DIGIT)(x))
    return {"": network, "encoder": keras.Model(inputs, code)}


def _behind(params: Params, is_code: bool) -> list[keras.Layer]:
    """What comes behind the weights of the code, or of another layer."""
    if not is_code:
        return [*normalization(params.normalization), activation(params.activation)]
    return [] if params.code_activation == "linear" else [activation(params.code_activation)]
