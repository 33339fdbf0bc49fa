"""Networks that learn and predict batch by batch, each batch a single call of the network's graph.

What Keras's `fit` and `predict` do around a step (data sets, callbacks, logs) takes as long as the
step itself where the network is small, and leaves half of the processors idle in a step that loops,
as that of an LSTM does. A batch may be smaller than the others: the graph is one for every size, so
that a training that resumes computes what one that was never stopped computes.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from epochwise.core.cli import InputError
from epochwise.training import strategy

BATCH = 256
"""Samples of which a network predicts at once, at most."""
VALUES = 2**22
"""Numbers in the samples of such a batch, at most: 27 photographs of 224 x 224."""


class Rows(Protocol):
    """Samples (n, ...) that are read by row numbers: an array, or what makes one of them."""

    @property
    def shape(self) -> tuple[Any, ...]:
        """Their number, and the shape of each; None where that depends on the rows."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of their numbers."""

    def __getitem__(self, rows: Any, /) -> np.ndarray: ...


@dataclass(frozen=True)
class Average:
    """The weights of `mean` are the running mean of those of `source`, after every step.

    A step leaves `decay` of it, less in the first steps: (1 + t) / (10 + t), as
    `tf.train.ExponentialMovingAverage` has it.
    """

    source: keras.Model
    mean: keras.Model
    decay: float

    def update(self, step: tf.Tensor) -> None:
        """Move the mean after `step` steps."""
        done = tf.cast(step, "float32")
        decay = tf.minimum(self.decay, (1 + done) / (10 + done))
        for mean, weight in zip(self.mean.weights, self.source.weights, strict=True):
            mean.assign(decay * mean + (1 - decay) * weight)


class Trainer:
    """Trains a compiled network, whose optimizer is built, and keeps its `average`, if any."""

    def __init__(self, network: keras.Model, average: Average | None = None) -> None:
        self._network = network
        self._average = average
        self._step: Callable[..., None] | None = None

    def epoch(self, columns: Sequence[Rows], batches: Sequence[np.ndarray]) -> None:
        """Train once on `columns`, in `batches` of their row numbers.

        The columns are inputs, targets and, if there are any, sample weights.
        """
        self._network.reset_metrics()
        if strategy.devices() > 1:
            read = tf.data.Dataset.from_generator(
                lambda: (tuple(batch) for batch in read_ahead(columns, batches)),
                output_signature=tuple(_signature(columns)),
            )
            strategy.fit(self._network, read, self._move_average)
        else:
            if self._step is None:
                self._step = tf.function(
                    self._learn, input_signature=_signature(columns), autograph=False
                )
            for batch in tqdm(
                read_ahead(columns, batches), total=len(batches), leave=False, disable=None
            ):
                self._step(*batch)
        # Replaces the weights by their running mean, if the optimizer keeps one.
        self._network.optimizer.finalize_variable_values(self._network.trainable_variables)

    def _learn(self, *batch: tf.Tensor) -> None:
        self._network.train_step(batch)
        self._move_average()

    def _move_average(self) -> None:
        if self._average:
            self._average.update(self._network.optimizer.iterations.value)


class Predictor:
    """Applies a network to samples, batch by batch."""

    def __init__(self, network: keras.Model) -> None:
        self._network = network
        self._apply: Callable[[np.ndarray], tf.Tensor] | None = None

    def predict(self, inputs: Rows, batches: Sequence[np.ndarray] | None = None) -> np.ndarray:
        """What the network makes of `inputs` (n, ...), float32 (n, ...).

        They are read in their own order, or in `batches` of all their row numbers, which samples
        need whose shape depends on the rows.

        Raises:
            InputError: an output is not a number.
        """
        if self._apply is None:
            call = lambda batch: self._network(batch, training=False)  # noqa: E731
            self._apply = tf.function(call, input_signature=_signature([inputs]), autograph=False)
        made = np.empty((inputs.shape[0], *self._network.output_shape[1:]), "float32")
        parts: Sequence[Any] = batches if batches is not None else _slices(inputs)
        for part, (batch,) in zip(parts, read_ahead([inputs], parts), strict=True):
            made[part] = self._apply(batch)
        if not np.isfinite(made).all():
            raise InputError(
                f"the output of the network {self._network.name} is not a number: if it is trained"
                " here, lower optimizer.learning_rate or set optimizer.clip_norm; if it is read"
                " from a file, take another"
            )
        return made


def batch_size(shape: tuple[Any, ...]) -> int:
    """Of how many samples of a `shape` a network predicts at once."""
    return max(1, min(BATCH, VALUES // math.prod(shape)))


def _slices(inputs: Rows) -> list[slice]:
    size = batch_size(inputs.shape[1:])
    return [slice(start, start + size) for start in range(0, inputs.shape[0], size)]


def read_ahead(columns: Sequence[Rows], parts: Sequence[Any]) -> Iterator[list[np.ndarray]]:
    """The rows of each of `parts` of every column; what is not in memory is read one part ahead."""
    if not parts or all(isinstance(column, np.ndarray) for column in columns):
        yield from (_read(columns, part) for part in parts)
        return
    with ThreadPoolExecutor(max_workers=1) as reader:
        ahead = reader.submit(_read, columns, parts[0])
        for part in parts[1:]:
            batch, ahead = ahead.result(), reader.submit(_read, columns, part)
            yield batch
        yield ahead.result()


def _read(columns: Sequence[Rows], part: Any) -> list[np.ndarray]:
    return [column[part] for column in columns]


def _signature(columns: Sequence[Rows]) -> list[tf.TensorSpec]:
    return [tf.TensorSpec((None, *column.shape[1:]), column.dtype) for column in columns]
