"""The training toolbox: what params.yaml may choose, by the framework's own implementations."""

import math
from typing import Annotated, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field, PositiveFloat, PositiveInt

from epochwise.core.cli import InputError
from epochwise.core.params import Section

Initializer = Literal[
    "normal", "uniform", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform"
]
Activation = Literal["relu", "leaky_relu"]
Normalization = Literal["none", "batch", "layer"]
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""How much a sample of a class counts."""
ClassWeight = Literal["balanced"] | list[Weight] | None
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A learning rate."""
Fraction = Annotated[float, Field(ge=0, lt=1)]
"""A share of units to drop."""


class Optimizer(Section):
    """The optimizer; null leaves the framework's default.

    The learning rate is constant, or falls along a cosine to 0 at the last step (Loshchilov &
    Hutter 2017). `average` is the decay of a running mean of the weights, which take its values at
    the end of every epoch; 0 is without.
    """

    name: Literal["sgd", "momentum", "nesterov", "adagrad", "adadelta", "adam", "adamax"]
    learning_rate: Rate | None
    schedule: Literal["constant", "cosine"]
    clip_norm: PositiveFloat | None
    average: Fraction


class Fit(Section):
    """What the training of every network has in common.

    `keep_epochs` bounds how many epochs' models stay on disk (null: all): those of the lowest
    loss on the held-out split, of the gan those of the lowest Fréchet distance to it.
    """

    shared: ClassVar[bool] = True
    """Whether threads work on parts of the same operation of the network."""

    batch_size: PositiveInt
    epochs: PositiveInt
    keep_epochs: PositiveInt | None
    optimizer: Optimizer
    initializer: Initializer

    def batches(self, samples: int) -> int:
        """How many batches an epoch has."""
        return math.ceil(samples / self.batch_size)


class ClassifierFit(Fit):
    """The training of a classifier; `class_weight` has a weight per class, or balances them."""

    class_weight: ClassWeight


class Augmentation(Section):
    """How far images are changed at most; 0 and false leave them as they are.

    `rotation` is in degrees either way; `brightness`, `shear`, `zoom` and `translation` are shares.
    """

    rotation: float = Field(ge=0, le=180)
    brightness: float = Field(ge=0, le=1)
    shear: float = Field(ge=0, le=1)
    zoom: float = Field(ge=0, le=1)
    translation: float = Field(ge=0, le=1)
    horizontal_flip: bool

    @property
    def is_on(self) -> bool:
        """Whether anything is changed."""
        return self != Augmentation(
            rotation=0, brightness=0, shear=0, zoom=0, translation=0, horizontal_flip=False
        )


def initializer(name: Initializer) -> str:
    """What Keras calls the kernel initializer `name`.

    A layer that is given a name makes an initializer of its own. One object gives all layers the
    same numbers, as it is seeded once.
    """
    return {"normal": "random_normal", "uniform": "random_uniform"}.get(name, name)


def optimizer(
    params: Optimizer, kind: type[keras.Optimizer] | None = None, **further: float
) -> keras.Optimizer:
    """A new optimizer as `params` say, and with what `further` its own arguments are.

    `kind` stands in for the class that `params` name. A falling learning rate is for `schedule`.
    """
    name, options = {
        "momentum": ("sgd", {"momentum": 0.9}),
        "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}),
    }.get(params.name, (params.name, {}))
    options |= further
    if params.learning_rate is not None:
        options["learning_rate"] = params.learning_rate
    if params.clip_norm is not None:
        options["clipnorm"] = params.clip_norm
    if params.average:
        options |= {"use_ema": True, "ema_momentum": params.average}
    made: keras.Optimizer = (kind or type(keras.optimizers.get(name)))(**options)
    return made


def schedule(made: keras.Optimizer, params: Optimizer, steps: int) -> None:
    """Let the learning rate of a new optimizer fall as `params` say, until step `steps`."""
    if params.schedule == "cosine":
        start = float(made.learning_rate)
        made.learning_rate = keras.optimizers.schedules.CosineDecay(start, steps)


def activation(name: Activation) -> keras.Layer:
    """A new activation layer; the leaky ReLU has slope 0.2 below zero."""
    return keras.layers.ReLU() if name == "relu" else keras.layers.LeakyReLU(0.2)


def normalization(name: Normalization) -> list[keras.Layer]:
    """The normalization layer called `name`, if any."""
    made = {"batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}
    return [made[name]()] if name in made else []


def embedding(start: np.ndarray, size: int, masked: bool) -> keras.layers.Embedding:
    """Trainable vectors of V+1 token ids: `start` (V+1, d), or new ones of `size` where d is 0.

    Where it is `masked`, layers behind it do not read padding, the token id 0.
    """
    if start.shape[1]:
        layer = keras.layers.Embedding(*start.shape, weights=[start], mask_zero=masked)
    else:
        layer = keras.layers.Embedding(len(start), size, mask_zero=masked)
    # Keras's own call reads all vectors, of which TensorFlow makes a copy at every step once rows
    # of them have been updated by themselves.
    layer.call = lambda ids: tf.gather(layer.embeddings.value, ids)
    return layer


def augment(images: keras.KerasTensor, params: Augmentation, brightest: int) -> keras.KerasTensor:
    """`images` (n, h, w, channels), values from 0 to `brightest`, changed in training alone."""
    layers = keras.layers
    steps: list[keras.Layer] = []
    if params.horizontal_flip:
        steps.append(layers.RandomFlip("horizontal"))
    if params.rotation:
        steps.append(layers.RandomRotation(params.rotation / 360, fill_mode="nearest"))
    if params.zoom:
        steps.append(layers.RandomZoom(params.zoom, fill_mode="nearest"))
    if params.translation:
        size = params.translation
        steps.append(layers.RandomTranslation(size, size, fill_mode="nearest"))
    if params.shear:
        steps.append(layers.RandomShear(params.shear, params.shear, fill_mode="nearest"))
    if params.brightness:
        steps.append(layers.RandomBrightness(params.brightness, value_range=(0, brightest)))
    for step in steps:
        images = step(images)
    return images


def sample_weights(labels: np.ndarray, class_weight: ClassWeight) -> np.ndarray:
    """A weight for each of `labels` (n,), integers from 0; without class weights all are 1.

    "balanced" weighs a class by n / (classes * its count), as scikit-learn does.

    Raises:
        InputError: there are more or fewer class weights than classes.
    """
    if class_weight is None:
        return np.ones(len(labels), "float32")
    if class_weight == "balanced":
        counts = np.bincount(labels)
        weights = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    else:
        weights = np.asarray(class_weight)
        if len(weights) != (classes := labels.max() + 1):
            raise InputError(
                f"class_weight of the family has {len(weights)} weights, expected one for each of"
                f" {classes} classes: set train.FAMILY.class_weight to so many, or to balanced"
            )
    return weights[labels].astype("float32")
