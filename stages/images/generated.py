"""Generated digits measured by the features and the classes of our own cnn."""

from pathlib import Path

import keras
import numpy as np

from stages.images.classifier import predict
from stages.metrics.frechet import frechet_distance
from stages.training import keras_file

JUDGE = Path("models/cnn/model.keras")


class Judge:
    """The chosen cnn, and what its last layer reads when it sees real digits.

    Attributes:
        classes: how many it tells apart.
    """

    def __init__(self, real: np.ndarray) -> None:
        """Look at the `real` digits (n, 28, 28, 1), pixels from 0 to 1."""
        self._network = keras_file.load(JUDGE)
        self._features = keras.Model(self._network.inputs, self._network.layers[-1].input)
        self._real = predict(self._features, real)
        self.classes = int(self._network.output_shape[-1])

    def frechet(self, generated: np.ndarray) -> float:
        """The Fréchet distance of the features of `generated` and real digits."""
        return frechet_distance(predict(self._features, generated), self._real)

    def histogram(self, generated: np.ndarray) -> np.ndarray:
        """How many of `generated` are read as each class (classes,)."""
        read = predict(self._network, generated).argmax(axis=1)
        return np.bincount(read, minlength=self.classes)


def generate(generator: keras.Model, noise: np.ndarray) -> np.ndarray:
    """Digits (n, 28, 28, 1), pixels from 0 to 1, from `noise` (n, d)."""
    pixels: np.ndarray = (predict(generator, noise) + 1) / 2
    return pixels.reshape(-1, 28, 28, 1)
