"""Review families that are networks."""

from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa

from epochwise.core import paths
from epochwise.core.files import replacing, write_json, write_table
from epochwise.families import Family
from epochwise.inputs.reviews.network import choose_inputs, prepared_path, read_prepared
from epochwise.inputs.reviews.texts import read_test, scored, scored_epochs
from epochwise.measures.binary import epoch_row
from epochwise.training import keras_file, runtime, strategy, streams
from epochwise.training.epoch_table import epoch_column
from epochwise.training.epochs import Scored, Training, identity
from epochwise.training.layers import optimizer, sample_weights

SPLITS = ("train", "valid")
BATCH = 1024
"""Reviews that a network scores at once."""


def train(family: Family, params: Any, seed: int) -> None:
    """Train epoch by epoch: the epoch table, the networks, and P(1) of every epoch for valid."""
    inputs = choose_inputs(params)
    reviews = {split: read_prepared(inputs, split) for split in SPLITS}
    x = {split: inputs.prepared(table) for split, table in reviews.items()}
    y = {split: table["label"].to_numpy() for split, table in reviews.items()}
    files = [*(prepared_path(inputs, split) for split in SPLITS), *inputs.files]
    weights = sample_weights(y["train"], params.class_weight)
    strategy.start(seed)
    network = family.module.build(params, inputs.vectors(x["train"]))
    network.compile(optimizer(params.optimizer), "binary_crossentropy")
    network.optimizer.build(network.trainable_variables)

    def fit(epoch: int) -> None:
        order = streams.generator("epoch", seed, epoch).permutation(len(weights))
        arrays = (x["train"], y["train"], weights)
        shuffled = runtime.batches(arrays, params.batch_size, order)
        strategy.fit(network, shuffled)

    def score_epoch(_epoch: int) -> Scored:
        likely = {split: _apply(network, x[split]) for split in SPLITS}
        return Scored(epoch_row(y, likely), {"valid": likely["valid"]})

    Training(
        family=family.name,
        epochs=params.epochs,
        keep_epochs=params.keep_epochs,
        keep_by="valid_loss",
        seed=seed,
        networks={"": network},
        variables=[*network.variables, *network.optimizer.variables],
        fit=fit,
        score=score_epoch,
        identity=identity([params, seed], files),
        write=partial(_write_valid, reviews["valid"]),
    ).run()


def _write_valid(reviews: pa.Table, history: list[Scored], folder: Path) -> None:
    kept = {epoch_column(epoch): scored.kept["valid"] for epoch, scored in enumerate(history)}
    write_table(folder / "valid.parquet", scored_epochs(reviews, kept))


def score(family: Family, params: Any, seed: int) -> None:
    """Apply the chosen network to every split; write data/scores/<family>."""
    inputs = choose_inputs(params)
    runtime.start(seed)
    network = _chosen(family)
    with replacing(paths.scores(family.name)) as folder:
        folder.mkdir()
        for split in SPLITS:
            reviews = read_prepared(inputs, split)
            likely = _apply(network, inputs.prepared(reviews))
            write_table(folder / f"{split}.parquet", scored(reviews, likely))
        test = read_test()
        likely = _apply(network, inputs.of_texts(test["text"]))
        write_table(folder / "test.parquet", scored(test, likely))
        write_json(folder / "model.json", {"parameters": network.count_params()})


def probabilities(family: Family, params: Any, texts: pa.ChunkedArray) -> np.ndarray:
    """P(1) of cleaned texts, float32 (n,), by the chosen network."""
    runtime.start(seed=0)  # for its threads alone: nothing is drawn
    return _apply(_chosen(family), choose_inputs(params).of_texts(texts))


def _chosen(family: Family) -> keras.Model:
    return keras_file.load(paths.chosen(family.name) / "model.keras")


def _apply(network: keras.Model, x: np.ndarray) -> np.ndarray:
    return runtime.outputs(network, x, BATCH).ravel()
