"""New layers on a base network: frozen, unfrozen at the end, or trained from scratch."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import keras
import numpy as np
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from stages.core import params
from stages.core.files import read_arrays
from stages.core.params import Section
from stages.images import classifier, pets
from stages.images.augmentation import Augmentation, augment
from stages.images.digits import Samples
from stages.training import keras_file, runtime
from stages.training.choices import (
    Activation,
    Fraction,
    Normalization,
    activation,
    initializer,
    normalization,
    optimizer,
)

SPLITS = ("train", "valid")


class HeadFit(classifier.ClassifierFit):
    """The new layers, of `units` each, and their training."""

    units: list[PositiveInt]
    dropout: Fraction
    activation: Activation
    normalization: Normalization
    augmentation: Augmentation


class FineTune(Section):
    """A second phase of `epochs`, in which the last `layers` of the base learn too."""

    layers: NonNegativeInt
    epochs: NonNegativeInt
    learning_rate: PositiveFloat


class TransferFit(HeadFit):
    """`train.transfer` in params.yaml."""

    fine_tune: FineTune


def build_head(section: HeadFit, features: int, classes: int) -> keras.Model:
    """The new layers, from features (n, features) to P of each class (n, classes)."""
    kernel = initializer(section.initializer)
    inputs = x = keras.Input((features,))
    for units in section.units:
        x = keras.layers.Dense(units, kernel_initializer=kernel)(x)
        for layer in normalization(section.normalization):
            x = layer(x)
        x = activation(section.activation)(x)
        if section.dropout:
            x = keras.layers.Dropout(section.dropout)(x)
    outputs = keras.layers.Dense(classes, activation="softmax", kernel_initializer=kernel)(x)
    return keras.Model(inputs, outputs, name="head")


def join(
    base: keras.Model, head: keras.Model, augmentation: Augmentation, frozen: bool
) -> keras.Model:
    """The network from pictures to classes; a frozen base stays as it is in training too."""
    inputs = keras.Input(base.input_shape[1:])
    pictures = augment(inputs, augmentation, 255)
    features = base(pictures, training=False) if frozen else base(pictures)
    return keras.Model(inputs, head(features))


def leaves(network: keras.Model) -> Iterator[keras.Layer]:
    """The layers of a network in their order, those of the networks inside it among them."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


def unfreeze(base: keras.Model, count: int) -> None:
    """Let the last `count` layers of `base` with weights learn, batch normalization never."""
    base.trainable = True
    for layer in leaves(base):
        layer.trainable = False
    learning = (
        layer
        for layer in reversed(list(leaves(base)))
        if layer.weights and not isinstance(layer, keras.layers.BatchNormalization)
    )
    for layer in islice(learning, count):
        layer.trainable = True


@dataclass(frozen=True)
class TransferFamily:
    """A family on data/pets.

    Attributes:
        name: of the family and of its params, `train.<name>`.
        schema: of its params.
        frozen: whether the base keeps its weights; else it starts from random ones.
    """

    name: str
    schema: type[HeadFit]
    frozen: bool

    def train(self) -> None:
        """Train as `train.<name>` in params.yaml says."""
        section = params.read(f"train.{self.name}", self.schema)
        runtime.start(params.read_value("seed"))
        kept = {split: Samples(**read_arrays(pets.BASE / f"{split}.npz")) for split in SPLITS}
        base = keras_file.load(pets.BASE / "network.keras")
        head = build_head(section, base.output_shape[-1], len(pets.classes()))
        if self.frozen:
            phases, network = self.frozen_phases(section, base, head, kept)
        else:
            network = join(keras.models.clone_model(base), head, section.augmentation, False)
            network.compile(optimizer(section.optimizer), "sparse_categorical_crossentropy")
            inputs = self.pictures(base)
            phases = [classifier.Phase(section.epochs, network, inputs["train"], network, inputs)]
        classifier.train(
            self.name,
            section,
            {split: samples.labels for split, samples in kept.items()},
            {split: samples.ids for split, samples in kept.items()},
            phases,
            {"": network, "head": head},
            [pets.BASE, *map(pets.folder, SPLITS)],
        )

    def frozen_phases(
        self, section: HeadFit, base: keras.Model, head: keras.Model, kept: dict[str, Samples]
    ) -> tuple[list[classifier.Phase], keras.Model]:
        """What is trained on what, and the whole network.

        As long as the base is frozen and pictures are not changed, the head learns from the kept
        features, which are the same in every epoch.
        """
        unfreeze(base, 0)
        network = join(base, head, section.augmentation, True)
        features = {split: samples.inputs for split, samples in kept.items()}
        fine_tune = section.fine_tune if isinstance(section, TransferFit) else None
        looks = section.augmentation.is_on or (fine_tune is not None and fine_tune.epochs)
        pictures = self.pictures(base) if looks else {}
        first, inputs = (
            (network, pictures["train"])
            if section.augmentation.is_on
            else (head, features["train"])
        )
        first.compile(optimizer(section.optimizer), "sparse_categorical_crossentropy")
        phases = [
            classifier.Phase(
                section.epochs, first, inputs, head, features, partial(unfreeze, base, 0)
            )
        ]
        if fine_tune is not None and fine_tune.epochs:
            second = join(base, head, section.augmentation, True)
            slow = section.optimizer.model_copy(update={"learning_rate": fine_tune.learning_rate})
            second.compile(optimizer(slow), "sparse_categorical_crossentropy")
            phases.append(
                classifier.Phase(
                    fine_tune.epochs,
                    second,
                    pictures["train"],
                    second,
                    pictures,
                    partial(unfreeze, base, fine_tune.layers),
                )
            )
        return phases, network

    def evaluate(self) -> None:
        """Score all splits with the chosen epoch and report."""
        runtime.start(params.read_value("seed"))
        network = classifier.chosen(self.name)
        splits = {split: pets.read(split, network.input_shape[1:]) for split in (*SPLITS, "test")}
        classifier.evaluate(self.name, network, splits, pets.classes())

    @staticmethod
    def pictures(base: keras.Model) -> dict[str, np.ndarray]:
        """The pictures of train and valid as `base` reads them."""
        return {split: pets.read(split, base.input_shape[1:]).inputs for split in SPLITS}
