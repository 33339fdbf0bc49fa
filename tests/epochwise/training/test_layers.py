"""Every choice of the toolbox is what the framework has by that name, and does what it says."""

from typing import Any

import keras
import numpy as np
import pytest

from epochwise.core.cli import InputError
from epochwise.training import layers, runtime
from epochwise.training.layers import Augmentation, augment

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, size=(10, 8, 8, 3)).astype("float32")
STILL = {
    "rotation": 0.0,
    "brightness": 0.0,
    "shear": 0.0,
    "zoom": 0.0,
    "translation": 0.0,
    "horizontal_flip": False,
}


@pytest.fixture(scope="module", autouse=True)
def started() -> None:
    runtime.start(seed=0)


@pytest.mark.parametrize(
    "change",
    [
        {"rotation": 90.0},
        {"zoom": 0.5},
        {"translation": 0.3},
        {"shear": 0.5},
        {"horizontal_flip": True},
    ],
)
def test_augmentation_changes_images_in_training_alone(change: dict[str, Any]) -> None:
    augmentation = Augmentation.model_validate(STILL | change)
    assert augmentation.is_on
    inputs = keras.Input((8, 8, 3))
    network = keras.Model(inputs, augment(inputs, augmentation, 255))
    np.testing.assert_array_equal(network(IMAGES, training=False), IMAGES)
    assert not np.array_equal(network(IMAGES, training=True), IMAGES)


def test_brightness_stays_between_black_and_white() -> None:
    augmentation = Augmentation.model_validate(STILL | {"brightness": 1.0})
    inputs = keras.Input((8, 8, 1))
    network = keras.Model(inputs, augment(inputs, augmentation, 1))
    digits = RANDOM.random((12, 8, 8, 1), "float32")
    changed = network(digits, training=True).numpy()
    assert not np.array_equal(changed, digits)
    assert changed.min() >= 0 and changed.max() <= 1


def test_no_augmentation_is_off() -> None:
    assert not Augmentation.model_validate(STILL).is_on


def optimizer_params(**changes: Any) -> layers.Optimizer:
    """Params of an optimizer that leave everything but the `changes` to the framework."""
    unset = {"learning_rate": None, "clip_norm": None, "schedule": "constant", "average": 0.0}
    return layers.Optimizer.model_validate(unset | changes)


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("sgd", keras.optimizers.SGD, {"momentum": 0.0}),
        ("momentum", keras.optimizers.SGD, {"momentum": 0.9, "nesterov": False}),
        ("nesterov", keras.optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
        ("adagrad", keras.optimizers.Adagrad, {}),
        ("adadelta", keras.optimizers.Adadelta, {}),
        ("adam", keras.optimizers.Adam, {}),
        ("adamax", keras.optimizers.Adamax, {"clipnorm": None}),
    ],
)
def test_optimizers(name: Any, kind: Any, options: dict[str, Any]) -> None:
    plain = layers.optimizer(optimizer_params(name=name))
    assert type(plain) is kind
    assert {key: plain.get_config()[key] for key in options} == options
    assert plain.get_config()["learning_rate"] == kind().get_config()["learning_rate"]
    clipped = layers.optimizer(optimizer_params(name=name, learning_rate=0.25, clip_norm=2.0))
    assert (clipped.get_config()["learning_rate"], clipped.clipnorm) == (0.25, 2.0)


def test_the_learning_rate_falls_along_a_cosine_to_the_last_step() -> None:
    params = optimizer_params(name="adam", learning_rate=0.5, schedule="cosine")
    made = layers.optimizer(params)
    layers.schedule(made, params, steps=100)
    rates = []
    for step in (0, 25, 50, 100):
        made.iterations.assign(step)
        rates.append(float(made.learning_rate))
    expected = [0.5 * (1 + np.cos(np.pi * step / 100)) / 2 for step in (0, 25, 50, 100)]
    assert rates == pytest.approx(expected, abs=1e-7)


def test_a_constant_learning_rate_stays_as_it_is() -> None:
    params = optimizer_params(name="adamax")
    made = layers.optimizer(params)
    layers.schedule(made, params, steps=100)
    made.iterations.assign(99)
    assert float(made.learning_rate) == pytest.approx(0.001)


def test_weights_are_replaced_by_their_running_mean_at_the_end_of_an_epoch() -> None:
    def fitted(average: float) -> float:
        layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
        network = keras.Sequential([keras.Input((1,)), layer])
        params = optimizer_params(name="sgd", learning_rate=0.1, average=average)
        network.compile(layers.optimizer(params), "mse")
        # The gradient of the squared error at x = 1, y = 0 is twice the weight.
        network.fit(np.ones((3, 1)), np.zeros((3, 1)), batch_size=1, verbose=0)
        weight: float = layer.get_weights()[0].item()
        return weight

    weights = [0.8**step for step in range(1, 4)]
    mean = weights[0]
    for weight in weights[1:]:
        mean = 0.9 * mean + 0.1 * weight
    assert fitted(0.0) == pytest.approx(weights[-1])
    assert fitted(0.9) == pytest.approx(mean)


def test_an_epoch_has_a_batch_for_what_is_left_over() -> None:
    params = {"batch_size": 4, "epochs": 3, "keep_epochs": None, "initializer": "normal"}
    fit = layers.Fit.model_validate(params | {"optimizer": optimizer_params(name="sgd")})
    assert [fit.batches(samples) for samples in (4, 5, 8)] == [1, 2, 2]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("normal", keras.initializers.RandomNormal),
        ("uniform", keras.initializers.RandomUniform),
        ("glorot_normal", keras.initializers.GlorotNormal),
        ("glorot_uniform", keras.initializers.GlorotUniform),
        ("he_normal", keras.initializers.HeNormal),
        ("he_uniform", keras.initializers.HeUniform),
    ],
)
def test_initializers(name: Any, kind: type) -> None:
    assert type(keras.initializers.get(layers.initializer(name))) is kind


def test_activations() -> None:
    assert layers.activation("relu")(np.array([-1.0, 2.0])).numpy().tolist() == [0, 2]
    leaky = layers.activation("leaky_relu")(np.array([-1.0, 2.0])).numpy()
    assert leaky.tolist() == pytest.approx([-0.2, 2])


def test_class_weights() -> None:
    labels = np.array([0, 1, 1, 1])
    assert layers.sample_weights(labels, None).tolist() == [1, 1, 1, 1]
    assert layers.sample_weights(labels, [87.0, 13.0]).tolist() == [87, 13, 13, 13]
    with pytest.raises(InputError, match="has 3 weights, expected one for each of 2 classes"):
        layers.sample_weights(labels, [1.0, 2.0, 3.0])
    balanced = layers.sample_weights(labels, "balanced")
    assert balanced.tolist() == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3])
