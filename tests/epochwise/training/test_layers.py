"""Every choice of the toolbox is what the framework has by that name, and does what it says."""

from typing import Any

import keras
import numpy as np
import pytest

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
    plain = layers.optimizer(layers.Optimizer(name=name, learning_rate=None, clip_norm=None))
    assert type(plain) is kind
    assert {key: plain.get_config()[key] for key in options} == options
    assert plain.get_config()["learning_rate"] == kind().get_config()["learning_rate"]
    clipped = layers.optimizer(layers.Optimizer(name=name, learning_rate=0.25, clip_norm=2.0))
    assert (clipped.get_config()["learning_rate"], clipped.clipnorm) == (0.25, 2.0)


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
    assert type(layers.initializer(name)) is kind


def test_activations() -> None:
    assert layers.activation("relu")(np.array([-1.0, 2.0])).numpy().tolist() == [0, 2]
    leaky = layers.activation("leaky_relu")(np.array([-1.0, 2.0])).numpy()
    assert leaky.tolist() == pytest.approx([-0.2, 2])


def test_class_weights() -> None:
    labels = np.array([0, 1, 1, 1])
    assert layers.sample_weights(labels, None).tolist() == [1, 1, 1, 1]
    assert layers.sample_weights(labels, [87.0, 13.0]).tolist() == [87, 13, 13, 13]
    balanced = layers.sample_weights(labels, "balanced")
    assert balanced.tolist() == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3])
