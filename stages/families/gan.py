"""The generative adversarial network (Goodfellow et al. 2014) that draws digits.

An epoch is `steps_per_epoch` steps; after it the generator is measured.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import tensorflow as tf
from pydantic import Field, NonNegativeFloat, PositiveInt

from stages.core import params
from stages.core.files import (
    read_json,
    replacing,
    write_arrays,
    write_json,
    write_table,
)
from stages.images import digits
from stages.images.generated import JUDGE, Judge, generate
from stages.images.pictures import write_rows
from stages.training import keras_file, runtime
from stages.training.choices import Fit, Fraction, initializer, optimizer
from stages.training.epochs import Scored, Training, identity

NAME = "gan"
PIXELS = 28 * 28
SHOWN = (4, 5)
"""Rows and columns of the final picture."""
PROGRESS = 10
"""Epochs in the picture of the training, at most."""
PICTURES = Path("data/scores/gan/pictures.npz")
LIVE = Path("plots/gan/live")


class Gan(Fit):
    """`train.gan` in params.yaml.

    `momentum` is that of the generator's batch normalization. `instance_noise` is the standard
    deviation of noise on all pixels, from -1 to 1, that the discriminator reads in training, which
    keeps it from learning few pictures by heart (Sonderby et al. 2017; 0: none).
    `batch_size` real and as many generated pictures train the discriminator, as many generated
    ones the generator. `average` is the decay of the running mean of the generator's weights, which
    is the generator that is measured and kept (Yazici et al. 2019; 0: the last weights themselves).
    `measured` is how many pictures are drawn to measure an epoch.
    """

    noise_size: PositiveInt
    generator: list[PositiveInt]
    discriminator: list[PositiveInt]
    momentum: Fraction
    instance_noise: NonNegativeFloat
    average: Fraction
    beta_1: float = Field(ge=0, lt=1)
    steps_per_epoch: PositiveInt
    measured: int = Field(ge=200)


class Adversaries:
    """Generator and discriminator, and the step that trains both.

    The discriminator is never frozen by `trainable`, which would freeze it in its own update
    too: each update takes the gradients of its own network's variables alone.
    """

    def __init__(self, section: Gan) -> None:
        kernel = initializer(section.initializer)
        dense = keras.layers.Dense
        inputs = x = keras.Input((section.noise_size,))
        for width in section.generator:
            x = keras.layers.LeakyReLU(0.2)(dense(width, kernel_initializer=kernel)(x))
            x = keras.layers.BatchNormalization(momentum=section.momentum)(x)
        pixels = dense(PIXELS, activation="tanh", kernel_initializer=kernel)(x)
        self.generator = keras.Model(inputs, pixels, name="generator")
        inputs = x = keras.Input((PIXELS,))
        for width in section.discriminator:
            x = keras.layers.LeakyReLU(0.2)(dense(width, kernel_initializer=kernel)(x))
        real = dense(1, activation="sigmoid", kernel_initializer=kernel)(x)
        self.discriminator = keras.Model(inputs, real, name="discriminator")
        self.average = section.average
        self.instance_noise = section.instance_noise
        self.averaged = keras.models.clone_model(self.generator)
        self.averaged.set_weights(self.generator.get_weights())
        noise = keras.Input((section.noise_size,))
        self.combined = keras.Model(noise, self.discriminator(self.averaged(noise)))
        self.optimizers = {
            network.name: optimizer(section.optimizer, beta_1=section.beta_1)
            for network in (self.generator, self.discriminator)
        }
        for network in (self.generator, self.discriminator):
            self.optimizers[network.name].build(network.trainable_variables)

    @property
    def variables(self) -> list[keras.Variable]:
        """The whole state."""
        parts = (self.generator, self.averaged, self.discriminator, *self.optimizers.values())
        return [variable for part in parts for variable in part.variables]

    @tf.function
    def step(self, real: tf.Tensor, noise: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """Train both; return the losses of discriminator and generator (2,).

        `real` are pixels (n, 784) from -1 to 1, `noise` is (3, n, d): two updates of the
        discriminator, on real and on generated pictures, and two of the generator; `seeds`
        (4, 2) are integers, two an update.
        """
        drawn = self.generator(noise[0], training=False)
        judged = [
            self.update_discriminator(real, 1.0, seeds[0]),
            self.update_discriminator(drawn, 0.0, seeds[1]),
        ]
        fooled = [
            self.update_generator(noise[1], seeds[2]),
            self.update_generator(noise[2], seeds[3]),
        ]
        for mean, weight in zip(self.averaged.weights, self.generator.weights, strict=True):
            mean.assign(self.average * mean + (1 - self.average) * weight)
        return tf.stack([(judged[0] + judged[1]) / 2, (fooled[0] + fooled[1]) / 2])

    def update_discriminator(self, pixels: tf.Tensor, label: float, seed: tf.Tensor) -> tf.Tensor:
        """Train the discriminator to call `pixels` (n, 784) `label`; return the loss before."""
        with tf.GradientTape() as tape:
            loss = self._loss(pixels, label, seed)
        self._apply(tape, loss, self.discriminator)
        return loss

    def update_generator(self, noise: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Train the generator so that what it draws is called real; return the loss before."""
        with tf.GradientTape() as tape:
            loss = self._loss(self.generator(noise, training=True), 1.0, seed)
        self._apply(tape, loss, self.generator)
        return loss

    def _apply(self, tape: tf.GradientTape, loss: tf.Tensor, network: keras.Model) -> None:
        variables = network.trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self.optimizers[network.name].apply(gradients, variables)

    def _loss(self, pixels: tf.Tensor, label: float, seed: tf.Tensor) -> tf.Tensor:
        if self.instance_noise:
            drawn = tf.random.stateless_normal(tf.shape(pixels), seed)
            pixels += self.instance_noise * drawn
        judged = self.discriminator(pixels, training=True)
        truth = tf.fill(tf.shape(judged), label)
        return tf.reduce_mean(keras.losses.binary_crossentropy(truth, judged))


class Family:
    """The family."""

    schema = Gan

    def train(self) -> None:
        """Train as `train.gan` in params.yaml says."""
        section, seed = params.read(f"train.{NAME}", Gan), params.read_value("seed")
        real = digits.read("train").inputs.reshape(-1, PIXELS) * 2 - 1
        runtime.start(seed)
        judge = Judge(digits.read("valid").inputs)
        adversaries = Adversaries(section)
        fixed = _noise(seed, section.measured, section)
        losses: list[np.ndarray] = []

        def fit(epoch: int) -> None:
            random = np.random.default_rng([seed, epoch])
            shape = (section.steps_per_epoch, section.batch_size)
            rows = random.integers(len(real), size=shape)
            noise = random.standard_normal((shape[0], 3, shape[1], section.noise_size), "float32")
            seeds = random.integers(2**31, size=(shape[0], 4, 2))
            steps = tf.data.Dataset.from_tensor_slices((rows, noise, seeds))
            pixels = tf.constant(real)
            losses[:] = [
                adversaries.step(tf.gather(pixels, drawn), step_noise, step_seeds).numpy()
                for drawn, step_noise, step_seeds in steps
            ]

        def score(_epoch: int) -> Scored:
            drawn = generate(adversaries.averaged, fixed)
            histogram = judge.histogram(drawn[:200])
            discriminator, generator = np.mean(losses, axis=0, dtype="float64")
            row = {
                "discriminator_loss": float(discriminator),
                "generator_loss": float(generator),
                "valid_frechet": judge.frechet(drawn),
                "classes": int(np.count_nonzero(histogram)),
            }
            shown = np.round(drawn[: SHOWN[0] * SHOWN[1]] * 255).astype("uint8")
            return Scored(row, {"losses": np.stack(losses), "pictures": shown[..., 0]})

        inputs = [digits.path("train"), digits.path("valid"), JUDGE]
        history = Training(
            family=NAME,
            epochs=section.epochs,
            keep_epochs=section.keep_epochs,
            keep_by="valid_frechet",
            seed=seed,
            networks={"": adversaries.combined, "generator": adversaries.averaged},
            variables=adversaries.variables,
            fit=fit,
            score=score,
            identity=identity([section, seed], inputs),
        ).run()
        pictures = np.stack([scored.scores["pictures"] for scored in history])
        with replacing(PICTURES.parent) as folder:
            write_arrays(folder / PICTURES.name, pictures=pictures)
        steps = np.concatenate([scored.scores["losses"] for scored in history])
        with replacing(LIVE / "losses.csv") as beside:
            table = pd.DataFrame(steps, columns=["discriminator", "generator"])
            table.to_csv(beside, index_label="step")
        shown = np.unique(np.linspace(0, section.epochs - 1, PROGRESS).round().astype(int))
        names = [f"step {(epoch + 1) * section.steps_per_epoch}" for epoch in shown]
        title = "gan: the same noise as training goes on"
        write_rows(LIVE / "progress.png", pictures[shown, :10], names, title)

    def evaluate(self) -> None:
        """Compare what the chosen epoch draws with the real digits of every split."""
        section, seed = params.read(f"train.{NAME}", Gan), params.read_value("seed")
        runtime.start(seed)
        generator = keras_file.load(Path("models", NAME, "generator.keras"))
        epoch = read_json(Path("metrics", NAME, "selection.json"))["epoch"]
        # Other noise than that of the choice, so that the figures are not those it was made by.
        drawn = generate(generator, _noise(seed + 1, section.measured, section))
        for split in ("train", "valid", "test"):
            real = digits.read(split)
            judge = Judge(real.inputs)
            histogram = judge.histogram(drawn)
            metrics: dict[str, Any] = {
                "n": len(real.inputs),
                "generated": len(drawn),
                "frechet": judge.frechet(drawn),
                "frechet_of_train": judge.frechet(digits.read("train").inputs),
                "classes": int(np.count_nonzero(histogram)),
                "classes_of_200": int(np.count_nonzero(judge.histogram(drawn[:200]))),
                "histogram": {str(label): int(n) for label, n in enumerate(histogram)},
                "epoch": epoch,
                "parameters": generator.count_params(),
            }
            write_json(Path("metrics", NAME, f"{split}.json"), metrics)
        shares = {
            "generated": histogram / len(drawn),
            "real": np.bincount(real.labels, minlength=judge.classes) / len(real.labels),
        }
        _write_outputs(drawn, shares, epoch, section)


def _noise(seed: int, count: int, section: Gan) -> np.ndarray:
    random = np.random.default_rng([seed, section.epochs])
    return random.standard_normal((count, section.noise_size), "float32")


def _write_outputs(
    drawn: np.ndarray, shares: dict[str, np.ndarray], epoch: int, section: Gan
) -> None:
    """Write the digits drawn, their losses, classes and pictures."""
    pixels = np.round(drawn * 255).astype("uint8").reshape(len(drawn), PIXELS)
    pictures = pa.FixedSizeListArray.from_arrays(pixels.ravel(), PIXELS)
    table = pa.table({"id": np.arange(len(drawn)), "pixels": pictures})
    write_table(Path("data/predictions", NAME, "test.parquet"), table)
    with replacing(Path("plots", NAME, "test")) as beside:
        beside.mkdir()
        classes = pd.DataFrame(shares)
        classes.to_csv(beside / "classes.csv", index_label="class")
        count = SHOWN[0] * SHOWN[1]
        write_rows(
            beside / "samples.png",
            drawn[:count].reshape(*SHOWN, 28, 28),
            [""] * SHOWN[0],
            f"gan: digits drawn by epoch {epoch}",
        )


family = Family()
