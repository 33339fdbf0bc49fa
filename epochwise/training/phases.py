"""Trainings in phases, which fit different networks that share layers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import keras
import numpy as np


@dataclass(frozen=True)
class Phase:
    """Some epochs of a training.

    Attributes:
        epochs: how many.
        network: compiled, is fitted to `inputs` (n, ...) of the train split.
        scored: the network that scores `score_inputs`, by split, after an epoch.
        prepare: sets which layers learn; called before every epoch, as phases share layers.
    """

    epochs: int
    network: keras.Model
    inputs: np.ndarray
    scored: keras.Model
    score_inputs: dict[str, np.ndarray]
    prepare: Callable[[], None] = lambda: None


def state(networks: Iterable[keras.Model], fitted: list[keras.Model]) -> list[keras.Variable]:
    """The whole state of a training, each variable once.

    That of `networks`, and of the compiled networks that are `fitted`, with their optimizers.
    """
    parts = (*networks, *fitted, *(network.optimizer for network in fitted))
    return list({id(variable): variable for part in parts for variable in part.variables}.values())
