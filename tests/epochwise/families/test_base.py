"""Base networks: named ones, files, and one of digits; with their preprocessing."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochwise.core import params
from epochwise.core.cli import InputError
from epochwise.families import base, cnn
from epochwise.inputs.images import Samples
from epochwise.training import keras_file, runtime
from tests.configuration import compose

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, size=(10, 8, 8, 3), dtype=np.uint8)
DIGITS = RANDOM.random((12, 28, 28, 1), "float32")


@pytest.fixture(scope="module", autouse=True)
def started() -> None:
    runtime.start(seed=0)


def named(name: str, **changes: Any) -> base.Transfer:
    given = {"weights": None, "alpha": 1.0, "preprocessing": None, "sha256": None}
    return params.check({"base": name, **given, **changes}, base.Transfer, "transfer")


def small() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, keras.layers.Conv2D(5, 3, padding="same")(inputs))


@pytest.mark.parametrize(
    ("name", "alpha", "shape", "features"),
    [
        ("resnet50", 1.0, (224, 224, 3), 2048),
        ("inception_v3", 1.0, (299, 299, 3), 2048),
        ("mobilenet", 0.25, (224, 224, 3), 256),
    ],
)
def test_other_bases_give_features(
    name: str, alpha: float, shape: tuple[int, ...], features: int
) -> None:
    network = base.with_preprocessing(*base.load_base(named(name, alpha=alpha)))
    assert network.input_shape == (None, *shape)
    assert network.output_shape == (None, features)


@pytest.mark.parametrize("name", ["caffe", "tf", "torch"])
def test_preprocessing_is_that_of_keras(name: Any) -> None:
    """In a network, of images as they are read: Keras prepares arrays of its own copy."""
    inputs = keras.Input((8, 8, 3))
    ours = keras.Model(inputs, base.preprocess(inputs, name))(IMAGES)
    theirs = keras.applications.imagenet_utils.preprocess_input(
        IMAGES.astype("float32"), data_format="channels_last", mode=name
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("name", base.NAMED)
def test_a_named_network_is_given_what_keras_prepares_for_it(name: str) -> None:
    inputs = keras.Input((8, 8, 3))
    _, mode = base.NAMED[name]
    ours = keras.Model(inputs, base.preprocess(inputs, mode))(IMAGES)
    theirs = getattr(keras.applications, name).preprocess_input(IMAGES.astype("float32"))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_caffe_wants_blue_first_without_the_means_of_imagenet() -> None:
    inputs = keras.Input((1, 1, 3))
    network = keras.Model(inputs, base.preprocess(inputs, "caffe"))
    red = network(np.array([[[[255.0, 0.0, 0.0]]]]))
    np.testing.assert_allclose(red[0, 0, 0], [-103.939, -116.779, 255 - 123.68], rtol=1e-6)


@pytest.mark.parametrize(("name", "low", "high"), [("unit", 0, 1), ("tf", -1, 1), ("none", 0, 255)])
def test_preprocessing_gives_the_range_that_a_network_expects(
    name: Any, low: int, high: int
) -> None:
    inputs = keras.Input((1, 2, 3))
    network = keras.Model(inputs, base.preprocess(inputs, name))
    edges = np.array([[[[0.0] * 3, [255.0] * 3]]])
    np.testing.assert_allclose(network(edges)[0, 0, :, 0], [low, high], atol=1e-6)


@pytest.mark.parametrize("name", ["caffe", "tf", "torch", "unit", "none"])
def test_a_base_is_saved_with_its_preprocessing(name: Any, tmp_path: Path) -> None:
    network = base.with_preprocessing(small(), name)
    keras_file.save(network, tmp_path / "base.keras")
    loaded = keras.models.load_model(tmp_path / "base.keras")
    np.testing.assert_array_equal(loaded.predict(IMAGES), network.predict(IMAGES))


def test_a_base_of_a_file_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "base.keras"
    keras_file.save(small(), path)
    network, preprocessing = base.load_base(named(str(path)))
    assert (network.count_params(), preprocessing) == (small().count_params(), "caffe")
    with pytest.raises(InputError, match=r"its SHA-256 is [0-9a-f]{64}, transfer\.sha256 is 0{64}"):
        base.load_base(named(str(path), sha256="0" * 64))
    with pytest.raises(InputError, match="is 'vgg61': expected digits, vgg16, resnet50"):
        base.load_base(named("vgg61"))
    path.write_bytes(b"no network")
    with pytest.raises(InputError, match="cannot be loaded as a Keras model"):
        base.load_base(named(str(path)))


@pytest.mark.parametrize("name", ["caffe", "torch"])
def test_preprocessing_of_colours_is_refused_for_grey_images(name: Any) -> None:
    inputs = keras.Input((8, 8, 1))
    grey = keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs))
    with pytest.raises(InputError, match=f"1 channel, and preprocessing {name} is for 3: set"):
        base.with_preprocessing(grey, name)
    assert base.with_preprocessing(grey, "tf").output_shape == (None, 2)


def test_weights_of_a_file_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "other.weights.h5"
    path.write_bytes(b"weights")
    with pytest.raises(InputError, match=r"its SHA-256 is [0-9a-f]{64}, transfer\.sha256 is 0{64}"):
        base.load_base(named("mobilenet", weights=str(path), sha256="0" * 64))


def test_weights_that_cannot_be_had_are_told() -> None:
    with pytest.raises(InputError, match=r"'mobilenet' with transfer\.weights 'none\.h5'"):
        base.load_base(named("mobilenet", weights="none.h5"))


@pytest.fixture
def augmented(tmp_path: Path) -> cnn.Params:
    """A small cnn that is trained on images changed a little."""
    override = "train.cnn.augmentation.rotation=10.0"
    block = compose(tmp_path / "params.yaml", "budget=smoke", override)["train"]["cnn"]
    return params.check(block, cnn.Params, "train.cnn")


def test_the_base_for_digits_augments_nothing(augmented: cnn.Params) -> None:
    network, preprocessing = base.train_on_digits(augmented, DIGITS, np.arange(12) % 2, seed=1)
    assert preprocessing == "unit" and network.input_shape == (None, 28, 28, 1)
    kinds = {type(layer).__name__ for layer in network.layers}
    assert "Conv2D" in kinds and not any(kind.startswith("Random") for kind in kinds)
    np.testing.assert_array_equal(network(DIGITS, training=True), network(DIGITS, training=False))


def test_the_base_for_digits_learns_in_every_epoch(augmented: cnn.Params) -> None:
    def trained(epochs: int) -> list[np.ndarray]:
        runtime.start(seed=0)
        section = augmented.model_copy(update={"epochs": epochs, "augmentation": still})
        network, _ = base.train_on_digits(section, DIGITS, np.arange(12) % 2, seed=1)
        found: list[np.ndarray] = network.get_weights()
        return found

    still = augmented.augmentation.model_copy(update={"rotation": 0.0})
    for one, other in zip(trained(1), trained(2), strict=True):
        assert not np.array_equal(one, other)


def test_the_base_for_digits_needs_digits(augmented: cnn.Params) -> None:
    expected = r"'digits', which needs target\.source digits_transfer: expected vgg16"
    with pytest.raises(InputError, match=expected):
        base.train_on_digits(augmented, DIGITS[:0], np.empty(0, "int64"), seed=1)


def test_features_keep_labels_and_ids() -> None:
    network = base.with_preprocessing(small(), "tf")
    samples = Samples(IMAGES, np.arange(10), np.arange(10) + 5)
    found = base.features(network, samples)
    np.testing.assert_allclose(found.inputs, network(IMAGES), atol=1e-6)
    assert found.inputs.shape == (10, 5)
    assert found.labels is samples.labels and found.ids is samples.ids


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"base": "mine.keras", "weights": "mine.h5"}, "weights are for a base of vgg16, "),
        ({"base": "vgg16", "weights": "imagenet", "sha256": "0" * 64}, "sha256 is for a file of"),
        ({"base": "digits", "weights": "imagenet", "sha256": "0" * 64}, "sha256 is for a file of"),
    ],
)
def test_what_nothing_reads_is_refused(block: dict[str, Any], message: str) -> None:
    rest = {"weights": None, "alpha": 1.0, "preprocessing": None, "sha256": None}
    with pytest.raises(InputError, match=message):
        params.check(rest | block, base.Transfer, "transfer")
