"""Autoencoder families: one way to train, to report and to say what the code is worth."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa

from stages.core import params
from stages.core.files import read_json, replacing, write_json, write_table
from stages.images import digits
from stages.images.classifier import chosen, predict
from stages.images.pictures import write_rows
from stages.images.probe import probe
from stages.metrics.reconstruction import cross_entropies, psnr, report, squared_errors
from stages.training import keras_file, runtime
from stages.training.choices import Activation, Fit, optimizer
from stages.training.epoch_table import write_scores
from stages.training.epochs import Scored, Training, identity

SHOWN = 10
"""Pictures in a row."""


class AutoencoderFit(Fit):
    """The training of an autoencoder."""

    activation: Activation


@dataclass(frozen=True)
class AutoencoderFamily:
    """A family.

    Attributes:
        name: of the family and of its params, `train.<name>`.
        schema: of its params.
        build: the network, not compiled, from params: pictures (n, 28, 28, 1) from 0 to 1 to
            their reconstructions of the same shape; and the encoder, a part of it, to codes (n, d).
        noise: the standard deviation of the noise on what the network reads, from params.
    """

    name: str
    schema: type[AutoencoderFit]
    build: Callable[[Any], tuple[keras.Model, keras.Model]]
    noise: Callable[[Any], float] = lambda _: 0.0

    def train(self) -> None:
        """Train as `train.<name>` in params.yaml says."""
        section = self.params()
        seed = params.read_value("seed")
        splits = {split: digits.read(split) for split in ("train", "valid")}
        clean = {split: samples.inputs for split, samples in splits.items()}
        noisy = {split: self.add_noise(x, [seed, len(split)]) for split, x in clean.items()}
        runtime.start(seed)
        network, encoder = self.build(section)
        network.compile(optimizer(section.optimizer), "binary_crossentropy")
        network.optimizer.build(network.trainable_variables)

        def fit(epoch: int) -> None:
            order = np.random.default_rng([seed, epoch]).permutation(len(clean["train"]))
            inputs = self.add_noise(clean["train"], [seed, epoch, 1])
            batches = runtime.batches((inputs, clean["train"]), section.batch_size, order)
            network.fit(batches, shuffle=False, verbose=runtime.verbosity())

        def score(_epoch: int) -> Scored:
            row, losses = {}, {}
            for split, prefix in (("train", ""), ("valid", "valid_")):
                outputs = predict(network, noisy[split])
                losses[split] = cross_entropies(clean[split], outputs).astype("float32")
                error = squared_errors(clean[split], outputs).mean()
                row[f"{prefix}loss"] = float(losses[split].mean(dtype="float64"))
                row[f"{prefix}mse"] = float(error)
                row[f"{prefix}psnr"] = float(psnr(error))
            row["diff_loss"] = abs(row["loss"] - row["valid_loss"])
            return Scored(row, losses)

        history = Training(
            family=self.name,
            epochs=section.epochs,
            keep_epochs=section.keep_epochs,
            keep_by="valid_loss",
            seed=seed,
            networks={"": network, "encoder": encoder},
            variables=[*network.variables, *network.optimizer.variables],
            fit=fit,
            score=score,
            identity=identity([section, seed], [digits.path(split) for split in splits]),
        ).run()
        for split, samples in splits.items():
            ids, labels = (pa.chunked_array([values]) for values in (samples.ids, samples.labels))
            losses = [scored.scores[split] for scored in history]
            write_scores(self.name, split, ids, labels, losses)

    def evaluate(self) -> None:
        """Reconstruct all splits with the chosen epoch and report."""
        runtime.start(params.read_value("seed"))
        network = chosen(self.name)
        encoder = keras_file.load(Path("models", self.name, "encoder.keras"))
        epoch = read_json(Path("metrics", self.name, "selection.json"))["epoch"]
        splits = {split: digits.read(split) for split in ("train", "valid", "test")}
        for split, samples in splits.items():
            metrics, outputs = self.measure(network, samples.inputs, split)
            metrics |= {"epoch": epoch, "parameters": network.count_params()}
            if split == "test":
                codes = {name: predict(encoder, splits[name].inputs) for name in ("train", "test")}
                metrics |= probe(splits["train"], samples, codes)
                self.write_outputs(samples, outputs, codes["test"])
            write_json(Path("metrics", self.name, f"{split}.json"), metrics)

    def measure(
        self, network: keras.Model, clean: np.ndarray, split: str
    ) -> tuple[dict[str, Any], np.ndarray]:
        """The metrics of a split, and its reconstructions; with noise, the gain in dB besides."""
        seed = params.read_value("seed")
        inputs = self.add_noise(clean, [seed, len(split)])
        outputs = predict(network, inputs)
        metrics = report(clean, outputs, seed)
        if self.noise(self.params()):
            noisy = float(psnr(squared_errors(clean, inputs).mean()))
            metrics |= {"noisy_psnr": noisy, "gain_db": metrics["psnr"] - noisy}
        return metrics, outputs

    def add_noise(self, clean: np.ndarray, seed: list[int]) -> np.ndarray:
        """`clean` with normal noise, clipped to 0 to 1; or itself for a family without noise."""
        deviation = self.noise(self.params())
        if not deviation:
            return clean
        drawn = np.random.default_rng(seed).standard_normal(clean.shape, "float32")
        return np.clip(clean + np.float32(deviation) * drawn, 0, 1)

    def write_outputs(self, test: digits.Samples, outputs: np.ndarray, codes: np.ndarray) -> None:
        """Write the errors and the codes of test, and a picture of its first of each class."""
        columns = {
            "id": test.ids,
            "label": test.labels,
            "cross_entropy": cross_entropies(test.inputs, outputs),
            "mse": squared_errors(test.inputs, outputs),
            "code": pa.FixedSizeListArray.from_arrays(codes.ravel(), codes.shape[1]),
        }
        write_table(Path("data/predictions", self.name, "test.parquet"), pa.table(columns))
        first = np.unique(test.labels, return_index=True)[1][:SHOWN]
        rows = {"original": test.inputs[first]}
        if self.noise(self.params()):
            seed = [params.read_value("seed"), len("test")]
            rows["noisy"] = self.add_noise(test.inputs, seed)[first]
        rows["reconstruction"] = outputs[first]
        with replacing(Path("plots", self.name, "test")) as beside:
            beside.mkdir()
            write_rows(
                beside / "reconstructions.png",
                np.stack(list(rows.values())),
                list(rows),
                f"{self.name} on test",
            )

    def params(self) -> AutoencoderFit:
        """`train.<name>` in params.yaml."""
        return params.read(f"train.{self.name}", self.schema)
