"""Trainings in phases, which fit different networks that share layers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import keras

from epochwise.training.steps import Average, Predictor, Rows, Trainer


@dataclass(frozen=True)
class Phase:
    """Some epochs of a training.

    Attributes:
        epochs: how many.
        network: compiled, is fitted to `inputs` (n, ...) of the train split.
        scored: the network that scores `score_inputs`, by split, after an epoch.
        prepare: sets which layers learn; called before every epoch, as phases share layers.
        average: what is kept of the weights of all steps; of none where it is None.
    """

    epochs: int
    network: keras.Model
    inputs: Rows
    scored: keras.Model
    score_inputs: Mapping[str, Rows]
    prepare: Callable[[], None] = lambda: None
    average: Average | None = None

    @cached_property
    def trainer(self) -> Trainer:
        """Trains the network; its graph is of the layers that learn when it is first used."""
        return Trainer(self.network, self.average)

    @cached_property
    def predictor(self) -> Predictor:
        """Applies the network that scores."""
        return Predictor(self.scored)


def state(networks: Iterable[keras.Model], fitted: list[keras.Model]) -> list[keras.Variable]:
    """The whole state of a training, each variable once.

    That of `networks`, and of the compiled networks that are `fitted`, with their optimizers.
    """
    parts = (*networks, *fitted, *(network.optimizer for network in fitted))
    return list({id(variable): variable for part in parts for variable in part.variables}.values())
