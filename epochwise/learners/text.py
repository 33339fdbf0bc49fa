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
from epochwise.inputs.reviews.network import (
    ROWS,
    Input,
    Inputs,
    SequenceParams,
    choose_inputs,
    prepared_path,
    read_prepared,
)
from epochwise.inputs.reviews.sequences import Sequences
from epochwise.inputs.reviews.texts import read_test, scored, scored_epochs
from epochwise.measures.binary import epoch_row
from epochwise.training import batches, keras_file, runtime, strategy, streams
from epochwise.training.checkpoints import Scored
from epochwise.training.epoch_table import epoch_column
from epochwise.training.epochs import Training, identity
from epochwise.training.layers import optimizer, sample_weights, schedule
from epochwise.training.lazy import LazyAdamax
from epochwise.training.steps import Predictor, Trainer

SPLITS = ("train", "valid")


def train(family: Family, params: Any, seed: int) -> None:
    """Train epoch by epoch: the epoch table, the networks, and P(1) of every epoch for valid."""
    prepare(family, params, seed).run()


def prepare(family: Family, params: Any, seed: int) -> Training:
    """The training of `family`: its data, its networks, and how an epoch is fitted and scored."""
    inputs = choose_inputs(params)
    params = inputs.params
    reviews, x = {}, {}
    for split in SPLITS:
        reviews[split], x[split] = read_prepared(inputs, split)
    y = {split: table["label"].to_numpy() for split, table in reviews.items()}
    weights = sample_weights(y["train"], params.class_weight)
    strategy.start(seed, params.shared)
    network = family.module.build(params, inputs.vectors(x["train"]))
    network.compile(_optimizer(params), "binary_crossentropy")
    epochs = count_epochs(params, len(weights))
    schedule(network.optimizer, params.optimizer, epochs * params.batches(len(weights)))
    network.optimizer.build(network.trainable_variables)
    trainer, predictor = Trainer(network), Predictor(network)
    scored_x, scored_y = _scored_parts(x, y, params, seed)

    def fit(epoch: int) -> None:
        random = streams.generator("epoch", seed, epoch)
        shuffled = _shuffled(x["train"], params.batch_size, random)
        trainer.epoch((x["train"], y["train"], weights), shuffled)

    def score_epoch(_epoch: int) -> Scored:
        likely = {split: _apply(predictor, scored_x[split], params) for split in SPLITS}
        return Scored(epoch_row(scored_y, likely), {"valid": likely["valid"]})

    return Training(
        family=family.name,
        epochs=epochs,
        keep_epochs=params.keep_epochs,
        keep_by="valid_loss",
        seed=seed,
        networks={"": network},
        variables=[*network.variables, *network.optimizer.variables],
        fit=fit,
        score=score_epoch,
        identity=identity([params, seed], _files(inputs)),
        write=partial(_write_valid, reviews["valid"]),
    )


def count_epochs(params: Any, reviews: int) -> int:
    """How many epochs a network is trained on so many `reviews`."""
    epochs: int = params.epochs
    if isinstance(params, SequenceParams) and params.shown is not None:
        epochs = min(epochs, max(params.shown // reviews, 2))
    return epochs


def _files(inputs: Inputs) -> list[Path]:
    """What a training reads."""
    return [*(prepared_path(inputs, split) for split in SPLITS), *inputs.files]


def _scored_parts(
    x: dict[str, Input], y: dict[str, np.ndarray], params: Any, seed: int
) -> tuple[dict[str, Input], dict[str, np.ndarray]]:
    """Inputs and labels that are scored after every epoch, by split: of train perhaps a part."""
    train = x["train"]
    if not isinstance(train, Sequences) or params.scored is None or params.scored >= len(train):
        return x, y
    labels = y["train"]
    drawn = streams.generator("scored", seed, 0).choice(len(train), params.scored, replace=False)
    # Without a review of a class no recall is defined.
    absent = [np.argmax(labels == label) for label in np.setdiff1d(labels, labels[drawn])]
    rows = np.union1d(drawn, np.array(absent, "int64"))
    return x | {"train": train.take(rows)}, y | {"train": labels[rows]}


def _write_valid(reviews: pa.Table, history: list[Scored], folder: Path) -> None:
    kept = {epoch_column(epoch): scored.kept["valid"] for epoch, scored in enumerate(history)}
    write_table(folder / "valid.parquet", scored_epochs(reviews, kept))


def score(family: Family, params: Any, seed: int) -> None:
    """Apply the chosen network to every split; write data/scores/<family>."""
    inputs = choose_inputs(params)
    runtime.start(seed, params.shared)
    network = _chosen(family)
    predictor = Predictor(network)
    with replacing(paths.scores(family.name)) as folder:
        folder.mkdir()
        for split in SPLITS:
            reviews, x = read_prepared(inputs, split)
            likely = _apply(predictor, x, params)
            write_table(folder / f"{split}.parquet", scored(reviews, likely))
        test = read_test()
        likely = _of_texts(predictor, inputs, test["text"])
        write_table(folder / "test.parquet", scored(test, likely))
        write_json(folder / "model.json", {"parameters": network.count_params()})


def probabilities(family: Family, params: Any, texts: pa.ChunkedArray) -> np.ndarray:
    """P(1) of cleaned texts, float32 (n,), by the chosen network."""
    runtime.start(seed=0, shared=params.shared)  # for its threads alone: nothing is drawn
    return _of_texts(Predictor(_chosen(family)), choose_inputs(params), texts)


def _of_texts(predictor: Predictor, inputs: Inputs, texts: pa.ChunkedArray) -> np.ndarray:
    """P(1) of cleaned texts, float32 (n,), of which a part at a time is in memory as vectors."""
    parts = (texts.slice(start, ROWS) for start in range(0, len(texts), ROWS))
    return np.concatenate(
        [_apply(predictor, x, inputs.params) for x in map(inputs.of_texts, parts)]
    )


def _chosen(family: Family) -> keras.Model:
    return keras_file.load(paths.chosen(family.name) / "model.keras")


def _optimizer(params: Any) -> keras.Optimizer:
    lazy = isinstance(params, SequenceParams) and params.embedding_updates == "touched"
    return optimizer(params.optimizer, LazyAdamax if lazy else None)


def _shuffled(x: Input, size: int, random: np.random.Generator) -> list[np.ndarray]:
    if isinstance(x, Sequences) and x.cut.trim:
        return batches.shuffled_by_size(x.sizes, size, random)
    return batches.shuffled(len(x), size, random)


def _apply(predictor: Predictor, x: Input, params: Any) -> np.ndarray:
    read = None
    if isinstance(x, Sequences) and x.cut.trim:
        read = batches.ordered_by_size(x.sizes, params.cells)
    return predictor.predict(x, read)[:, 0]
