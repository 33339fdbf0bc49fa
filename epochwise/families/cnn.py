"""The convolutional network that reads digits."""

import keras
import numpy as np
from pydantic import Field, PositiveInt

from epochwise.inputs.images import DIGIT, Digits
from epochwise.training.layers import (
    Activation,
    Augmentation,
    ClassifierFit,
    Fraction,
    Normalization,
    activation,
    augment,
    initializer,
    normalization,
    optimizer,
)
from epochwise.training.phases import Phase
from epochwise.training.steps import Average


class Params(ClassifierFit):
    """`train.cnn` in params.yaml: a pooled convolution of each of `filters`, a layer of `units`.

    28 pixels can be pooled four times.

    The running mean of `optimizer.average` is the network that is scored and kept, beside the one
    that learns (Polyak & Juditsky 1992).
    """

    filters: list[PositiveInt] = Field(max_length=4)
    kernel_size: PositiveInt
    units: PositiveInt
    dropout: Fraction
    activation: Activation
    normalization: Normalization
    augmentation: Augmentation


def build(params: Params, classes: int) -> tuple[keras.Model, keras.Model]:
    """The network for images (n, 28, 28, 1) from 0 to 1, and the same without its last layer.

    The output of the first are class probabilities (n, classes), that of the second features
    (n, units). The first is ready to be fitted to integer labels.
    """
    kernel = initializer(params.initializer)
    inputs = keras.Input(DIGIT)
    x = augment(inputs, params.augmentation, 1)
    for filters in params.filters:
        x = keras.layers.Conv2D(
            filters, params.kernel_size, padding="same", kernel_initializer=kernel
        )(x)
        x = _activate(x, params)
        x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dropout(params.dropout)(x)
    features = _activate(keras.layers.Dense(params.units, kernel_initializer=kernel)(x), params)
    x = keras.layers.Dropout(params.dropout)(features)
    outputs = keras.layers.Dense(classes, activation="softmax", kernel_initializer=kernel)(x)
    network = keras.Model(inputs, outputs)
    plain = params.optimizer.model_copy(update={"average": 0.0})
    network.compile(optimizer(plain), "sparse_categorical_crossentropy")
    return network, keras.Model(inputs, features)


def phases(params: Params, images: Digits) -> tuple[list[Phase], dict[str, keras.Model]]:
    """One phase on the digits; the networks kept are the whole and its features."""
    inputs = {split: images.read(split).inputs for split in ("train", "valid")}
    return phases_of(params, len(images.classes), inputs)


def phases_of(
    params: Params, classes: int, inputs: dict[str, np.ndarray]
) -> tuple[list[Phase], dict[str, keras.Model]]:
    """The same on `inputs` by split, train among them, images (n, 28, 28, 1) from 0 to 1."""
    network, features = build(params, classes)
    scored, average = network, None
    if params.optimizer.average:
        scored, features = build(params, classes)
        scored.set_weights(network.get_weights())
        average = Average(network, scored, params.optimizer.average)
    phase = Phase(params.epochs, network, inputs["train"], scored, inputs, average=average)
    return [phase], {"": scored, "features": features}


def _activate(x: keras.KerasTensor, params: Params) -> keras.KerasTensor:
    for layer in normalization(params.normalization):
        x = layer(x)
    return activation(params.activation)(x)
