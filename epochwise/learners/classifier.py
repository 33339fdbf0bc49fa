"""How families that tell classes of images apart are trained and scored."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from epochwise.core import paths
from epochwise.core.files import replacing, write_arrays, write_json, write_table
from epochwise.core.matrices import lists
from epochwise.families import Family
from epochwise.inputs import images
from epochwise.inputs.images import Samples
from epochwise.measures.multiclass import epoch_row, log_losses
from epochwise.training import batches, keras_file, runtime, strategy, streams
from epochwise.training.checkpoints import Scored
from epochwise.training.epochs import Training, identity
from epochwise.training.layers import ClassifierFit, sample_weights, schedule
from epochwise.training.phases import state
from epochwise.training.steps import Predictor, Rows

HARDEST = 20
"""Images of test that are kept to be shown."""


def train(family: Family, params: ClassifierFit, seed: int) -> None:
    """Train `family` phase by phase, and write what every training writes."""
    prepare(family, params, seed).run()


def prepare(family: Family, params: ClassifierFit, seed: int) -> Training:
    """The training of `family`: its data, its networks, and how an epoch is fitted and scored."""
    data = images.dataset(family.row.dataset)
    labels = {split: data.labels(split) for split in ("train", "valid")}
    weights = sample_weights(labels["train"], params.class_weight)
    strategy.start(seed)
    phases, networks = family.module.phases(params, data)
    plan = [phase for phase in phases for _ in range(phase.epochs)]
    for phase in phases:
        phase.prepare()
        steps = phase.epochs * params.batches(len(weights))
        schedule(phase.network.optimizer, params.optimizer, steps)
        phase.network.optimizer.build(phase.network.trainable_variables)

    def fit(epoch: int) -> None:
        plan[epoch].prepare()
        columns = (plan[epoch].inputs, labels["train"], weights)
        random = streams.generator("epoch", seed, epoch)
        shuffled = batches.shuffled(len(weights), params.batch_size, random)
        plan[epoch].trainer.epoch(columns, shuffled)

    def score(epoch: int) -> Scored:
        probabilities = {
            split: plan[epoch].predictor.predict(inputs)
            for split, inputs in plan[epoch].score_inputs.items()
        }
        return Scored(epoch_row(labels, probabilities))

    return Training(
        family=family.name,
        epochs=len(plan),
        keep_epochs=params.keep_epochs,
        keep_by="valid_loss",
        seed=seed,
        networks=networks,
        variables=state(networks.values(), [phase.network for phase in phases]),
        fit=fit,
        score=score,
        identity=identity([params, seed], family.row.inputs),
    )


def score(family: Family, params: ClassifierFit, seed: int) -> None:
    """Apply the chosen epoch of `family` to every split and write data/scores/<family>."""
    data = images.dataset(family.row.dataset)
    runtime.start(seed)
    network = keras_file.load(paths.chosen(family.name) / "model.keras")
    predictor = Predictor(network)
    with replacing(paths.scores(family.name)) as folder:
        folder.mkdir()
        for split in paths.SPLITS:
            samples = data.read(split, network.input_shape[1:])
            probabilities = predictor.predict(samples.inputs)
            write_table(folder / f"{split}.parquet", _table(samples, probabilities))
        _write_hardest(folder / "hardest.npz", samples, probabilities)
        write_json(folder / "classes.json", data.classes)
        write_json(folder / "model.json", {"parameters": network.count_params()})


def _table(samples: Samples[Rows], probabilities: np.ndarray) -> pa.Table:
    columns = {"id": samples.ids.tolist(), "label": samples.labels}
    return pa.table(columns | {"probabilities": lists(probabilities)})


def _write_hardest(path: Path, test: Samples[Rows], probabilities: np.ndarray) -> None:
    """Write the images of the lowest probability of their class, and their rows in test."""
    losses = log_losses(test.labels, probabilities)
    rows = np.argsort(-losses, kind="stable")[:HARDEST]
    write_arrays(path, images=test.inputs[rows], rows=rows)
