"""Families that tell classes of pictures apart: one way to train and to report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import pandas as pd
import pyarrow as pa

from stages.core import params
from stages.core.cli import InputError
from stages.core.files import read_json, replacing, write_json, write_table
from stages.images.digits import Samples
from stages.images.pictures import write_captioned
from stages.metrics.multiclass import epoch_row, intervals, log_losses, report
from stages.training import keras_file, runtime
from stages.training.choices import Fit, sample_weights
from stages.training.epoch_table import write_scores
from stages.training.epochs import Scored, Training, identity

PREDICT_BATCH = 256
HARDEST = 20
"""Pictures that are shown."""


class ClassifierFit(Fit):
    """The training of a classifier; `class_weight` has a weight a class, or balances them."""

    class_weight: Literal["balanced"] | list[float] | None


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


def train(
    name: str,
    section: ClassifierFit,
    labels: dict[str, np.ndarray],
    ids: dict[str, np.ndarray],
    phases: list[Phase],
    networks: dict[str, keras.Model],
    inputs: list[Path],
) -> None:
    """Train the family `name` phase by phase and write what every training writes.

    `labels` and `ids` (n,) are those of train and valid, `networks` what is saved of every epoch,
    `inputs` the files that the result depends on. The scores are the predicted classes.
    """
    seed = params.read_value("seed")
    weights = sample_weights(labels["train"], section.class_weight)
    plan = [phase for phase in phases for _ in range(phase.epochs)]
    for phase in phases:
        phase.prepare()
        phase.network.optimizer.build(phase.network.trainable_variables)

    def fit(epoch: int) -> None:
        plan[epoch].prepare()
        arrays = (plan[epoch].inputs, labels["train"], weights)
        order = np.random.default_rng([seed, epoch]).permutation(len(weights))
        shuffled = runtime.batches(arrays, section.batch_size, order)
        plan[epoch].network.fit(shuffled, shuffle=False, verbose=runtime.verbosity())

    def score(epoch: int) -> Scored:
        probabilities = {
            split: predict(plan[epoch].scored, values)
            for split, values in plan[epoch].score_inputs.items()
        }
        predicted = {split: p.argmax(axis=1).astype("uint8") for split, p in probabilities.items()}
        return Scored(epoch_row(labels, probabilities), predicted)

    variables = {id(v): v for network in networks.values() for v in network.variables}
    variables |= {id(v): v for phase in phases for v in phase.network.variables}
    variables |= {id(v): v for phase in phases for v in phase.network.optimizer.variables}
    history = Training(
        family=name,
        epochs=len(plan),
        keep_epochs=section.keep_epochs,
        keep_by="valid_loss",
        seed=seed,
        networks=networks,
        variables=list(variables.values()),
        fit=fit,
        score=score,
        identity=identity([section, seed], inputs),
    ).run()
    for split in labels:
        write_scores(
            name,
            split,
            pa.chunked_array([ids[split].tolist()]),
            pa.chunked_array([labels[split]]),
            [scored.scores[split] for scored in history],
        )


def predict(network: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """P of each class (n, classes), float32.

    Raises:
        InputError: the output is not a number.
    """
    batches = runtime.batches((inputs,), PREDICT_BATCH)
    probabilities: np.ndarray = network.predict(batches, verbose=0)
    if not np.isfinite(probabilities).all():
        raise InputError(
            "the network's output is not a number: lower optimizer.learning_rate or set"
            " optimizer.clip_norm in params.yaml"
        )
    return probabilities


def chosen(name: str) -> keras.Model:
    """The network of the chosen epoch of the family `name`."""
    return keras_file.load(Path("models", name, "model.keras"))


def evaluate(
    name: str, network: keras.Model, splits: dict[str, Samples], classes: list[str]
) -> None:
    """Write the metrics of all splits, the predictions for test, and what is plotted of them.

    `network` is the chosen one of the family `name`; `classes` are the names of the classes.
    """
    epoch = read_json(Path("metrics", name, "selection.json"))["epoch"]
    seed = params.read_value("seed")
    for split, (inputs, labels, ids) in splits.items():
        probabilities = predict(network, inputs)
        metrics = {"n": len(labels), **report(labels, probabilities, classes)}
        metrics |= {"ci95": intervals(labels, probabilities, seed), "epoch": epoch}
        metrics["parameters"] = network.count_params()
        write_json(Path("metrics", name, f"{split}.json"), metrics)
        if split == "test":
            _write_predictions(name, Samples(inputs, labels, ids), probabilities, classes)


def _write_predictions(
    name: str, test: Samples, probabilities: np.ndarray, classes: list[str]
) -> None:
    predicted = probabilities.argmax(axis=1)
    columns = {
        "id": test.ids.tolist(),
        "label": test.labels,
        "probability": probabilities.max(axis=1),
        "predicted": predicted,
    }
    write_table(Path("data/predictions", name, "test.parquet"), pa.table(columns))
    plots = Path("plots", name, "test")
    named = {key: np.array(classes)[columns[key]] for key in ("label", "predicted")}
    with replacing(plots) as beside:
        beside.mkdir()
        pd.DataFrame(named).to_csv(beside / "confusion.csv", index=False)
        hardest = np.argsort(-log_losses(test.labels, probabilities), kind="stable")[:HARDEST]
        captions = [
            (
                f"{classes[test.labels[row]]} read as {classes[predicted[row]]}"
                f"\n({probabilities[row].max():.2f})",
                "black" if predicted[row] == test.labels[row] else "firebrick",
            )
            for row in hardest
        ]
        wrong = np.count_nonzero(predicted != test.labels)
        title = f"{name} on test: the hardest of {len(predicted)}, {wrong} of which are mistaken"
        write_captioned(beside / "mistakes.png", test.inputs[hardest], captions, title)
