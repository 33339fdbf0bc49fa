"""How families that turn images into codes and back are trained and scored.

A family's module has `build(params)`: its networks by name, each saved every epoch. "" is the
whole, not compiled, from images (n, 28, 28, 1) of 0 to 1 to their reconstructions; "encoder" gives
codes (n, d); there may be more. Its params have `deviation()`, that of noise on what the whole
reads, 0 without.

A family that learns by more than the cross-entropy of the reconstruction has `compiled(params,
networks)` too: a compiled network that shares their layers and is fitted to pairs of what is read
and the image that should come out.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa

from epochwise.core import paths
from epochwise.core.files import replacing, write_arrays, write_json, write_table
from epochwise.core.matrices import lists
from epochwise.families import Family
from epochwise.inputs.images import Digits, Samples
from epochwise.measures.reconstruction import cross_entropies, epoch_row, squared_errors
from epochwise.training import batches, keras_file, runtime, strategy, streams
from epochwise.training.checkpoints import Scored
from epochwise.training.epochs import Training, identity
from epochwise.training.layers import optimizer, schedule
from epochwise.training.phases import state
from epochwise.training.steps import Predictor, Trainer

SHOWN = 10
"""Images of test that are kept to be shown, at most."""


def train(family: Family, params: Any, seed: int) -> None:
    """Train `family` and write what every training writes."""
    prepare(family, params, seed).run()


def prepare(family: Family, params: Any, seed: int) -> Training:
    """The training of `family`: its data, its networks, and how an epoch is fitted and scored."""
    data = Digits()
    strategy.start(seed)
    networks = family.module.build(params)
    fitted = compiled(family, params, networks)
    shape = networks[""].input_shape[1:]
    clean = {split: data.read(split, shape).inputs for split in ("train", "valid")}
    steps = params.epochs * params.batches(len(clean["train"]))
    schedule(fitted.optimizer, params.optimizer, steps)
    fitted.optimizer.build(fitted.trainable_variables)
    noisy = {split: scored_inputs(x, split, params, seed) for split, x in clean.items()}
    trainer, predictor = Trainer(fitted), Predictor(networks[""])

    def fit(epoch: int) -> None:
        random = streams.generator("epoch", seed, epoch)
        shuffled = batches.shuffled(len(clean["train"]), params.batch_size, random)
        noise = streams.generator("input_noise", seed, epoch)
        inputs = add_noise(clean["train"], params.deviation(), noise)
        trainer.epoch([inputs, clean["train"]], shuffled)

    def score(_epoch: int) -> Scored:
        outputs = {split: predictor.predict(x) for split, x in noisy.items()}
        return Scored(epoch_row(clean, outputs))

    return Training(
        family=family.name,
        epochs=params.epochs,
        keep_epochs=params.keep_epochs,
        keep_by="valid_loss",
        seed=seed,
        networks=networks,
        variables=state(networks.values(), [fitted]),
        fit=fit,
        score=score,
        identity=identity([params, seed], family.row.inputs),
    )


def compiled(family: Family, params: Any, networks: dict[str, keras.Model]) -> keras.Model:
    """The network that is fitted: the family's own, or the whole with binary cross-entropy."""
    if hasattr(family.module, "compiled"):
        own: keras.Model = family.module.compiled(params, networks)
        return own
    networks[""].compile(optimizer(params.optimizer), "binary_crossentropy")
    return networks[""]


def score(family: Family, params: Any, seed: int) -> None:
    """Reconstruct every split with the chosen epoch of `family` and write data/scores/<family>."""
    data = Digits()
    runtime.start(seed)
    network = keras_file.load(paths.chosen(family.name) / "model.keras")
    encoder = Predictor(keras_file.load(paths.chosen(family.name) / "encoder.keras"))
    reconstruct = Predictor(network)
    with replacing(paths.scores(family.name)) as folder:
        folder.mkdir()
        for split in paths.SPLITS:
            samples = data.read(split, network.input_shape[1:])
            inputs = scored_inputs(samples.inputs, split, params, seed)
            outputs = reconstruct.predict(inputs)
            codes = encoder.predict(samples.inputs)
            write_table(folder / f"{split}.parquet", _table(samples, inputs, outputs, codes))
        _write_shown(folder / "shown.npz", samples, inputs, outputs)
        write_json(folder / "model.json", {"parameters": network.count_params()})


def scored_inputs(clean: np.ndarray, split: str, params: Any, seed: int) -> np.ndarray:
    """What a family reads when it is scored: `clean` (n, ...), with its noise if it has any."""
    noise = streams.generator("score_noise", seed, paths.SPLITS.index(split))
    return add_noise(clean, params.deviation(), noise)


def add_noise(clean: np.ndarray, deviation: float, random: np.random.Generator) -> np.ndarray:
    """`clean` with normal noise, clipped to 0 to 1; or itself where the deviation is 0."""
    if not deviation:
        return clean
    drawn = random.standard_normal(clean.shape, "float32")
    return np.clip(clean + np.float32(deviation) * drawn, 0, 1)


def _table(
    samples: Samples[np.ndarray], inputs: np.ndarray, outputs: np.ndarray, codes: np.ndarray
) -> pa.Table:
    clean = samples.inputs
    columns = {"id": samples.ids.tolist(), "label": samples.labels}
    columns["cross_entropy"] = cross_entropies(clean, outputs)
    columns["mse"] = squared_errors(clean, outputs)
    if inputs is not clean:
        columns["noisy_mse"] = squared_errors(clean, inputs)
    pixels = np.round(clean * 255).astype("uint8").reshape(len(clean), -1)
    return pa.table(columns | {"code": lists(codes), "pixels": lists(pixels)})


def _write_shown(
    path: Path, test: Samples[np.ndarray], inputs: np.ndarray, outputs: np.ndarray
) -> None:
    """Write the first image of each class of test, what was read of it, and what came out."""
    first = np.unique(test.labels, return_index=True)[1][:SHOWN]
    rows = {"original": test.inputs[first]}
    if inputs is not test.inputs:
        rows["noisy"] = inputs[first]
    write_arrays(path, **rows, reconstruction=outputs[first])
