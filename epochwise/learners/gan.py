"""How families that draw digits are trained and scored: by what our own cnn makes of the digits."""

import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from epochwise.core import paths
from epochwise.core.files import replacing, write_json, write_table
from epochwise.core.matrices import lists
from epochwise.families import Family
from epochwise.inputs import images
from epochwise.measures.generation import COUNTED, frechet_distance
from epochwise.training import keras_file, runtime, streams
from epochwise.training.checkpoints import Scored
from epochwise.training.epochs import Training, identity
from epochwise.training.steps import Predictor

SHOWN = 10
"""Images that are kept of every epoch, to show the progress."""


class Judge:
    """What our own cnn makes of images (n, 28, 28, 1), pixels from 0 to 1."""

    def __init__(self, folder: Path) -> None:
        """Take the networks that `folder` holds of the chosen cnn, model and features."""
        self._folder = folder
        self._network = keras_file.load(folder / "model.keras")
        self._labels = Predictor(self._network)

    @cached_property
    def _features(self) -> Predictor:
        return Predictor(keras_file.load(self._folder / "features.keras"))

    @property
    def classes(self) -> list[str]:
        """The names of the classes that it tells apart."""
        return [str(label) for label in range(self._network.output_shape[-1])]

    def features(self, images: np.ndarray) -> np.ndarray:
        """The features of `images`, float32 (n, d)."""
        return self._features.predict(images)

    def labels(self, images: np.ndarray) -> np.ndarray:
        """The likeliest class of each of `images` (n,)."""
        likeliest: np.ndarray = self._labels.predict(images).argmax(axis=1)
        return likeliest


def train(family: Family, params: Any, seed: int) -> None:
    """Train `family`; write what every training writes, the losses of every step and the progress.

    Every epoch is measured by images drawn from the same noise.
    """
    prepare(family, params, seed).run()


def prepare(family: Family, params: Any, seed: int) -> Training:
    """The training of `family`: its data, its networks, and how an epoch is fitted and scored."""
    data = images.Digits()
    real, valid = (data.read(split, images.DIGIT).inputs for split in ("train", "valid"))
    runtime.start(seed)
    judge = Judge(Path(family.row.pretrained))
    adversaries = family.module.build(params)
    features = judge.features(valid)
    generator, noise = Predictor(adversaries.averaged), latent(params, seed, "latent")
    pixels = tf.constant(real.reshape(len(real), -1) * 2 - 1)
    losses: list[np.ndarray] = []

    def fit(epoch: int) -> None:
        losses[:] = [
            adversaries.step(tf.gather(pixels, rows), step_noise, seeds).numpy()
            for rows, step_noise, seeds in draw_steps(params, len(real), seed, epoch)
        ]

    def score(_epoch: int) -> Scored:
        return measure(losses, generate(generator, noise), judge, features)

    return Training(
        family=family.name,
        epochs=params.epochs,
        keep_epochs=params.keep_epochs,
        keep_by="valid_frechet",
        seed=seed,
        networks={"": adversaries.combined, "generator": adversaries.averaged},
        variables=adversaries.variables,
        fit=fit,
        score=score,
        identity=identity([params, seed], family.row.inputs),
        write=write_progress,
    )


def draw_steps(params: Any, count: int, seed: int, epoch: int) -> tf.data.Dataset:
    """What is random in the steps of an epoch: rows of `count` real images, noise, seeds."""
    random = streams.generator("epoch", seed, epoch)
    steps, size = params.steps_per_epoch, params.batch_size
    rows = random.integers(count, size=(steps, size))
    noise = random.standard_normal((steps, 3, size, params.noise_size), "float32")
    seeds = random.integers(2**31, size=(steps, 4, 2))
    return tf.data.Dataset.from_tensor_slices((rows, noise, seeds))


def measure(losses: list[np.ndarray], drawn: np.ndarray, judge: Judge, real: np.ndarray) -> Scored:
    """An epoch, from its losses by step (2,), the images drawn after it, and features of valid.

    The row is `discriminator_loss, generator_loss, valid_frechet`, and as how many `classes` the
    first COUNTED images are read. The losses and the first images are kept.
    """
    discriminator, generator = np.mean(losses, axis=0, dtype="float64")
    row = {
        "discriminator_loss": float(discriminator),
        "generator_loss": float(generator),
        "valid_frechet": frechet_distance(judge.features(drawn), real),
        "classes": len(np.unique(judge.labels(drawn[:COUNTED]))),
    }
    return Scored(row, {"losses": np.stack(losses), "shown": to_bytes(drawn[:SHOWN])})


def write_progress(history: list[Scored], folder: Path) -> None:
    """Write the losses of every step, and what was drawn of the same noise after every epoch."""
    losses = np.concatenate([scored.kept["losses"] for scored in history])
    columns = {"discriminator": losses[:, 0], "generator": losses[:, 1]}
    write_table(folder / "losses.parquet", pa.table({"step": np.arange(len(losses)), **columns}))
    shown = [scored.kept["shown"] for scored in history]
    steps = np.cumsum([len(scored.kept["losses"]) for scored in history])
    after = np.repeat(steps, [len(pixels) for pixels in shown])
    table = {"step": after, "pixels": lists(np.concatenate(shown))}
    write_table(folder / "progress.parquet", pa.table(table))


def score(family: Family, params: Any, seed: int) -> None:
    """Draw with the chosen epoch of `family`, judge that and every split; write its scores."""
    data = images.Digits()
    runtime.start(seed)
    generator = keras_file.load(paths.chosen(family.name) / "generator.keras")
    judge = Judge(Path(family.row.pretrained))
    # Other noise than that of the choice, so that the figures are not those it was made by.
    drawn = generate(Predictor(generator), latent(params, seed, "test_latent"))
    with replacing(paths.scores(family.name)) as folder:
        folder.mkdir()
        for split in paths.SPLITS:
            real = data.read(split, images.DIGIT)
            columns = {"id": real.ids.tolist(), "label": real.labels}
            columns["features"] = lists(judge.features(real.inputs))
            write_table(folder / f"{split}.parquet", pa.table(columns))
        columns = {"id": np.arange(len(drawn)), "pixels": lists(to_bytes(drawn))}
        columns |= {"features": lists(judge.features(drawn)), "predicted": judge.labels(drawn)}
        write_table(folder / "generated.parquet", pa.table(columns))
        for name in ("losses.parquet", "progress.parquet"):
            shutil.copyfile(paths.epochs(family.name) / name, folder / name)
        write_json(folder / "classes.json", judge.classes)
        write_json(folder / "model.json", {"parameters": generator.count_params()})


def latent(params: Any, seed: int, stream: streams.Stream) -> np.ndarray:
    """Noise to draw `params.measured` images from, float32 (n, d)."""
    random = streams.generator(stream, seed, params.epochs)
    return random.standard_normal((params.measured, params.noise_size), "float32")


def generate(generator: Predictor, noise: np.ndarray) -> np.ndarray:
    """Digits (n, 28, 28, 1), pixels from 0 to 1, from `noise` (n, d)."""
    pixels: np.ndarray = (generator.predict(noise) + 1) / 2
    return pixels.reshape(-1, *images.DIGIT)


def to_bytes(drawn: np.ndarray) -> np.ndarray:
    """Images (n, 28, 28, 1) of 0 to 1 as pixels uint8 (n, 784)."""
    return np.round(drawn * 255).astype("uint8").reshape(len(drawn), -1)
