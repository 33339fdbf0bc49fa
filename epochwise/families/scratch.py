"""The network of the family transfer, trained from random weights: what the transfer is worth."""

import keras

from epochwise.families.head import LOSS, HeadFit, build_head, join
from epochwise.inputs.images import Target
from epochwise.training.layers import optimizer
from epochwise.training.phases import Phase


class Params(HeadFit):
    """`train.scratch` in params.yaml."""


def phases(params: Params, images: Target) -> tuple[list[Phase], dict[str, keras.Model]]:
    """One phase for the whole network; the networks kept are the whole and its head."""
    base = images.base()
    head = build_head(params, base.output_shape[-1], len(images.classes))
    network = join(keras.models.clone_model(base), head, params.augmentation, frozen=False)
    network.compile(optimizer(params.optimizer), LOSS)
    shape = base.input_shape[1:]
    inputs = {split: images.read(split, shape).inputs for split in ("train", "valid")}
    phase = Phase(params.epochs, network, inputs["train"], network, inputs)
    return [phase], {"": network, "head": head}
