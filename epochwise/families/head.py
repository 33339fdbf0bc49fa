"""New layers on a base network, which the families transfer and scratch have in common."""

import keras
from pydantic import PositiveInt

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
)

LOSS = "sparse_categorical_crossentropy"


class HeadFit(ClassifierFit):
    """The new layers, of `units` each, and their training."""

    units: list[PositiveInt]
    dropout: Fraction
    activation: Activation
    normalization: Normalization
    augmentation: Augmentation


def build_head(params: HeadFit, features: int, classes: int) -> keras.Model:
    """The new layers, from features (n, features) to class probabilities (n, classes)."""
    kernel = initializer(params.initializer)
    inputs = x = keras.Input((features,))
    for units in params.units:
        x = keras.layers.Dense(units, kernel_initializer=kernel)(x)
        for layer in normalization(params.normalization):
            x = layer(x)
        x = activation(params.activation)(x)
        if params.dropout:
            x = keras.layers.Dropout(params.dropout)(x)
    outputs = keras.layers.Dense(classes, activation="softmax", kernel_initializer=kernel)(x)
    return keras.Model(inputs, outputs, name="head")


def join(
    base: keras.Model, head: keras.Model, augmentation: Augmentation, frozen: bool
) -> keras.Model:
    """The network from images to classes; a frozen base stays as it is in training too."""
    inputs = keras.Input(base.input_shape[1:])
    images = augment(inputs, augmentation, 255)
    features = base(images, training=False) if frozen else base(images)
    return keras.Model(inputs, head(features))
