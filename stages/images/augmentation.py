"""Pictures changed at random while a network trains."""

import keras
from pydantic import Field, NonNegativeFloat

from stages.core.params import Section


class Augmentation(Section):
    """How far pictures are changed at most; 0 and false leave them as they are.

    `rotation` is in degrees either way; `brightness`, `shear` and `zoom` are shares.
    """

    rotation: float = Field(ge=0, le=180)
    brightness: float = Field(ge=0, le=1)
    shear: float = Field(ge=0, le=1)
    zoom: NonNegativeFloat
    horizontal_flip: bool

    @property
    def is_on(self) -> bool:
        """Whether anything is changed."""
        return self != Augmentation(
            rotation=0, brightness=0, shear=0, zoom=0, horizontal_flip=False
        )


def augment(pictures: keras.KerasTensor, params: Augmentation, brightest: int) -> keras.KerasTensor:
    """`pictures` (n, h, w, channels), values from 0 to `brightest`, changed in training alone."""
    layers = keras.layers
    steps: list[keras.Layer] = []
    if params.horizontal_flip:
        steps.append(layers.RandomFlip("horizontal"))
    if params.rotation:
        steps.append(layers.RandomRotation(params.rotation / 360, fill_mode="nearest"))
    if params.zoom:
        steps.append(layers.RandomZoom(params.zoom, fill_mode="nearest"))
    if params.shear:
        steps.append(layers.RandomShear(params.shear, params.shear, fill_mode="nearest"))
    if params.brightness:
        steps.append(layers.RandomBrightness(params.brightness, value_range=(0, brightest)))
    for step in steps:
        pictures = step(pictures)
    return pictures
