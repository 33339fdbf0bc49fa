"""New layers on a frozen base network (transfer learning), whose end may learn too at last."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Self

import keras
from pydantic import NonNegativeInt, model_validator

from epochwise.core.params import Section
from epochwise.families.head import LOSS, HeadFit, build_head, join
from epochwise.inputs.images import Target
from epochwise.training.layers import Rate, optimizer
from epochwise.training.phases import Phase
from epochwise.training.steps import Rows

SPLITS = ("train", "valid")


class FineTune(Section):
    """A second phase of `epochs`, in which the last `layers` of the base learn too."""

    layers: NonNegativeInt
    epochs: NonNegativeInt
    learning_rate: Rate

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.layers) != bool(self.epochs):
            raise ValueError(
                f"layers is {self.layers} and epochs is {self.epochs}: set both, or none of them"
            )
        return self


class Params(HeadFit):
    """`train.transfer` in params.yaml."""

    fine_tune: FineTune


def phases(params: Params, images: Target) -> tuple[list[Phase], dict[str, keras.Model]]:
    """A phase for the new layers, and one for the end of the base too if it is to be tuned.

    As long as the base is frozen and images are not changed, the new layers learn from the kept
    features, which are the same in every epoch. The networks kept are the whole and its head.
    """
    base = images.base()
    head = build_head(params, base.output_shape[-1], len(images.classes))
    train_last_layers(base, 0)
    network = join(base, head, params.augmentation, frozen=True)
    inputs: dict[str, Rows] = {}
    if params.augmentation.is_on or params.fine_tune.epochs:
        shape = base.input_shape[1:]
        inputs = {split: images.read(split, shape).inputs for split in SPLITS}
    features = {split: images.features(split).inputs for split in SPLITS}
    # A compiled head would be saved with its optimizer, as a part of the whole.
    first = network if params.augmentation.is_on else keras.Model(head.input, head.output)
    first.compile(optimizer(params.optimizer), LOSS)
    found = [
        Phase(
            params.epochs,
            first,
            inputs["train"] if params.augmentation.is_on else features["train"],
            head,
            features,
            partial(train_last_layers, base, 0),
        )
    ]
    if params.fine_tune.epochs:
        found.append(fine_tuning(params, base, head, inputs))
    return found, {"": network, "head": head}


def fine_tuning(
    params: Params, base: keras.Model, head: keras.Model, inputs: dict[str, Rows]
) -> Phase:
    """The phase in which the last layers of `base` learn too, from the images of both splits."""
    network = join(base, head, params.augmentation, frozen=True)
    rate = {"learning_rate": params.fine_tune.learning_rate}
    network.compile(optimizer(params.optimizer.model_copy(update=rate)), LOSS)
    prepare = partial(train_last_layers, base, params.fine_tune.layers)
    return Phase(params.fine_tune.epochs, network, inputs["train"], network, inputs, prepare)


def train_last_layers(base: keras.Model, count: int) -> None:
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


def leaves(network: keras.Model) -> Iterator[keras.Layer]:
    """The layers of a network in their order, those of the networks inside it among them."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer
