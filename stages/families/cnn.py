"""The convolutional network that reads digits."""

import keras
import numpy as np
from pydantic import PositiveInt

from stages.core import params
from stages.images import classifier, digits
from stages.images.augmentation import Augmentation, augment
from stages.training import runtime
from stages.training.choices import (
    Activation,
    Fraction,
    Normalization,
    activation,
    initializer,
    normalization,
    optimizer,
)

NAME = "cnn"


class Cnn(classifier.ClassifierFit):
    """`train.cnn` in params.yaml: a pooled convolution of each of `filters`, a layer of `units`."""

    filters: list[PositiveInt]
    kernel_size: PositiveInt
    units: PositiveInt
    dropout: Fraction
    activation: Activation
    normalization: Normalization
    augmentation: Augmentation


def build(section: Cnn, classes: int) -> tuple[keras.Model, keras.Model]:
    """The network for pictures (28, 28, 1) from 0 to 1, and the same without its last layer.

    The output of the first is P of each class, that of the second are features (units,).
    """
    kernel = initializer(section.initializer)
    inputs = keras.Input((28, 28, 1))
    x = augment(inputs, section.augmentation, 1)
    for filters in section.filters:
        x = keras.layers.Conv2D(
            filters, section.kernel_size, padding="same", kernel_initializer=kernel
        )(x)
        x = _activate(x, section)
        x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dropout(section.dropout)(x)
    features = _activate(keras.layers.Dense(section.units, kernel_initializer=kernel)(x), section)
    x = keras.layers.Dropout(section.dropout)(features)
    outputs = keras.layers.Dense(classes, activation="softmax", kernel_initializer=kernel)(x)
    return keras.Model(inputs, outputs), keras.Model(inputs, features)


def compiled(section: Cnn, classes: int) -> tuple[keras.Model, keras.Model]:
    """The two networks of `build`, the first ready to be fitted to integer labels."""
    network, features = build(section, classes)
    network.compile(optimizer(section.optimizer), "sparse_categorical_crossentropy")
    return network, features


def _activate(x: keras.KerasTensor, section: Cnn) -> keras.KerasTensor:
    for layer in normalization(section.normalization):
        x = layer(x)
    return activation(section.activation)(x)


class Family:
    """The family."""

    schema = Cnn

    def train(self) -> None:
        """Train as `train.cnn` in params.yaml says."""
        section = params.read(f"train.{NAME}", Cnn)
        splits = {split: digits.read(split) for split in ("train", "valid")}
        inputs = {split: samples.inputs for split, samples in splits.items()}
        labels = {split: samples.labels for split, samples in splits.items()}
        runtime.start(params.read_value("seed"))
        network, features = compiled(section, int(labels["train"].max()) + 1)
        classifier.train(
            NAME,
            section,
            labels,
            {split: samples.ids for split, samples in splits.items()},
            [classifier.Phase(section.epochs, network, inputs["train"], network, inputs)],
            {"": network, "features": features},
            [digits.path("train"), digits.path("valid")],
        )

    def evaluate(self) -> None:
        """Score all splits with the chosen epoch and report."""
        runtime.start(params.read_value("seed"))
        splits = {split: digits.read(split) for split in ("train", "valid", "test")}
        names = np.unique(splits["train"].labels).astype(str).tolist()
        classifier.evaluate(NAME, classifier.chosen(NAME), splits, names)


family = Family()
