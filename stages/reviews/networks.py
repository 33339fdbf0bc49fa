"""Review families that are networks: one way to train, score and apply them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pyarrow as pa
from pydantic import PositiveInt

from stages.core import params
from stages.core.cli import InputError
from stages.core.files import read_table
from stages.metrics.classification import epoch_row
from stages.reviews import evaluation
from stages.reviews.inputs import Embedding, Inputs, SequenceInputs, VectorInputs
from stages.reviews.tokens import Padding
from stages.training import keras_file, runtime
from stages.training.choices import Fit, optimizer, sample_weights
from stages.training.epoch_table import write_scores
from stages.training.epochs import Scored, Training, identity

SPLITS = ("train", "valid")
PREDICT_BATCH = 1024


class ReviewFit(Fit):
    """The training of a review network."""

    class_weight: Literal["balanced"] | list[float] | None


class SequenceFit(ReviewFit):
    """The training of a network on sequences: the first `length` words of a review."""

    length: PositiveInt
    padding: Padding
    embedding: Embedding


@dataclass(frozen=True)
class ReviewNetwork:
    """A family.

    Attributes:
        name: of the family and of its params, `train.<name>`.
        schema: of its params.
        build: the network, not compiled, from params and the word vectors (V+1, d) that an
            embedding starts from, or else document vectors (n, d): P(1) as output (n, 1).
    """

    name: str
    schema: type[ReviewFit]
    build: Callable[[Any, np.ndarray], keras.Model]

    def train(self) -> None:
        """Train as `train.<name>` in params.yaml says."""
        section = self.params()
        seed = params.read_value("seed")
        inputs = self.inputs(section)
        tables = [read_table(path) for path in inputs.paths[:2]]
        x = {name: inputs.read(table) for name, table in zip(SPLITS, tables, strict=True)}
        y = {name: table["label"].to_numpy() for name, table in zip(SPLITS, tables, strict=True)}
        weights = sample_weights(y["train"], section.class_weight)
        runtime.start(seed)
        network = self.build(section, _start(inputs, x["train"]))
        network.compile(optimizer(section.optimizer), "binary_crossentropy")
        network.optimizer.build(network.trainable_variables)

        def fit(epoch: int) -> None:
            order = np.random.default_rng([seed, epoch]).permutation(len(weights))
            shuffled = runtime.batches((x["train"], y["train"], weights), section.batch_size, order)
            network.fit(shuffled, shuffle=False, verbose=runtime.verbosity())

        def score(_epoch: int) -> Scored:
            scores = {name: _predict(network, x[name]) for name in SPLITS}
            return Scored(epoch_row(y, scores), scores)

        history = Training(
            family=self.name,
            epochs=section.epochs,
            keep_epochs=section.keep_epochs,
            keep_by="valid_loss",
            seed=seed,
            networks={"": network},
            variables=[*network.variables, *network.optimizer.variables],
            fit=fit,
            score=score,
            identity=identity([section, seed], inputs.paths),
        ).run()
        for name, table in zip(SPLITS, tables, strict=True):
            scores = [scored.scores[name] for scored in history]
            write_scores(self.name, name, table["review_id"], table["label"], scores)

    def evaluate(self) -> None:
        """Score the test split with the chosen epoch and report."""
        evaluation.evaluate(self.name, self.probabilities, self.chosen().count_params())

    def probabilities(self, texts: pa.ChunkedArray) -> np.ndarray:
        """P(1) of cleaned texts, float32 (n,), by the chosen epoch."""
        return _predict(self.chosen(), self.inputs(self.params()).make(texts))

    def chosen(self) -> keras.Model:
        """The network of the chosen epoch."""
        runtime.start(params.read_value("seed"))
        return keras_file.load(Path("models", self.name, "model.keras"))

    def params(self) -> ReviewFit:
        """`train.<name>` in params.yaml."""
        return params.read(f"train.{self.name}", self.schema)

    @staticmethod
    def inputs(section: ReviewFit) -> Inputs:
        """What a network with these params reads."""
        if isinstance(section, SequenceFit):
            return SequenceInputs(section.length, section.padding, section.embedding)
        return VectorInputs()


def embedding_layer(start: np.ndarray, size: int) -> keras.layers.Embedding:
    """Trainable vectors of V+1 token ids: `start` (V+1, d), or new ones of `size` where d is 0."""
    if not start.shape[1]:
        return keras.layers.Embedding(len(start), size)
    return keras.layers.Embedding(*start.shape, weights=[start])


def _start(inputs: Inputs, x: np.ndarray) -> np.ndarray:
    return inputs.embedding() if isinstance(inputs, SequenceInputs) else x


def _predict(network: keras.Model, x: np.ndarray) -> np.ndarray:
    scores: np.ndarray = network.predict(runtime.batches((x,), PREDICT_BATCH), verbose=0).ravel()
    if not np.isfinite(scores).all():
        raise InputError(
            "the network's output is not a number: lower optimizer.learning_rate or set"
            " optimizer.clip_norm in params.yaml"
        )
    return scores
