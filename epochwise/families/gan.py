"""The generative adversarial network (Goodfellow et al. 2014) that draws digits."""

from typing import Self

import keras
import tensorflow as tf
from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from epochwise.measures.generation import COUNTED
from epochwise.training.layers import Fit, Fraction, initializer, optimizer, schedule

PIXELS = 28 * 28
UPDATES = 2
"""Of each network in a step."""


class Params(Fit):
    """`train.gan` in params.yaml.

    `momentum` is that of the generator's batch normalization. `instance_noise` is the standard
    deviation of noise on all pixels, from -1 to 1, that the discriminator reads in training, which
    keeps it from memorising a small training set (Sonderby et al. 2017; 0: none).
    `batch_size` real and as many generated images train the discriminator, as many generated
    ones the generator. `average` is the decay of the running mean of the generator's weights, which
    is the generator that is measured and kept (Yazici et al. 2019; 0: the last weights themselves).
    An epoch is `steps_per_epoch` steps; after it `measured` images are drawn to measure it by.
    """

    noise_size: PositiveInt
    generator: list[PositiveInt]
    discriminator: list[PositiveInt]
    momentum: Fraction
    instance_noise: NonNegativeFloat
    beta_1: float = Field(ge=0, lt=1)
    steps_per_epoch: PositiveInt
    measured: int = Field(ge=COUNTED)

    @model_validator(mode="after")
    def _optimizer_has_beta_1(self) -> Self:
        if self.optimizer.name not in ("adam", "adamax"):
            raise ValueError(
                f"beta_1 is of adam and adamax, but optimizer.name is {self.optimizer.name}"
            )
        return self


class Adversaries:
    """Generator and discriminator, and the step that trains both.

    Images are pixels (n, 784) from -1 to 1.

    The discriminator is never frozen by `trainable`, which would freeze it in its own update
    too: each update takes the gradients of its own network's variables alone.

    Attributes:
        generator: from noise (n, d) to images; the one that learns.
        averaged: the running mean of the generator, which is measured and kept.
        discriminator: from images to the probability that they are real (n, 1).
        combined: the averaged generator and the discriminator behind it.
    """

    def __init__(self, params: Params) -> None:
        kernel = initializer(params.initializer)
        dense = keras.layers.Dense
        inputs = x = keras.Input((params.noise_size,))
        for width in params.generator:
            x = keras.layers.LeakyReLU(0.2)(dense(width, kernel_initializer=kernel)(x))
            x = keras.layers.BatchNormalization(momentum=params.momentum)(x)
        pixels = dense(PIXELS, activation="tanh", kernel_initializer=kernel)(x)
        self.generator = keras.Model(inputs, pixels, name="generator")
        inputs = x = keras.Input((PIXELS,))
        for width in params.discriminator:
            x = keras.layers.LeakyReLU(0.2)(dense(width, kernel_initializer=kernel)(x))
        real = dense(1, activation="sigmoid", kernel_initializer=kernel)(x)
        self.discriminator = keras.Model(inputs, real, name="discriminator")
        self.average = params.optimizer.average
        self.instance_noise = params.instance_noise
        self.averaged = keras.models.clone_model(self.generator)
        self.averaged.set_weights(self.generator.get_weights())
        noise = keras.Input((params.noise_size,))
        self.combined = keras.Model(noise, self.discriminator(self.averaged(noise)))
        # The mean is of the generator alone, and does not replace what learns.
        plain = params.optimizer.model_copy(update={"average": 0.0})
        self.optimizers = {}
        for network in (self.generator, self.discriminator):
            made = optimizer(plain, beta_1=params.beta_1)
            schedule(made, plain, UPDATES * params.epochs * params.steps_per_epoch)
            made.build(network.trainable_variables)
            self.optimizers[network.name] = made

    @property
    def variables(self) -> list[keras.Variable]:
        """The whole state."""
        parts = (self.generator, self.averaged, self.discriminator, *self.optimizers.values())
        return [variable for part in parts for variable in part.variables]

    @tf.function(autograph=False)
    def step(self, real: tf.Tensor, noise: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """Train both; return the losses of discriminator and generator (2,).

        `real` are images (n, 784), `noise` is (3, n, d): for the generated images that the
        discriminator learns from, and for two updates of the generator; `seeds` (4, 2) are
        integers, two for each of the four updates.
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

    def update_discriminator(self, images: tf.Tensor, label: float, seed: tf.Tensor) -> tf.Tensor:
        """Train the discriminator to call `images` (n, 784) `label`; return the loss before."""
        with tf.GradientTape() as tape:
            loss = self._loss(images, label, seed)
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

    def _loss(self, images: tf.Tensor, label: float, seed: tf.Tensor) -> tf.Tensor:
        if self.instance_noise:
            drawn = tf.random.stateless_normal(tf.shape(images), seed)
            images += self.instance_noise * drawn
        judged = self.discriminator(images, training=True)
        truth = tf.fill(tf.shape(judged), label)
        return tf.reduce_mean(keras.losses.binary_crossentropy(truth, judged))


def build(params: Params) -> Adversaries:
    """The networks with their first weights."""
    return Adversaries(params)
