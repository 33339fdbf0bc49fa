"""The image networks have the layers of the source and learn what they should, nothing else."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from stages.core import params
from stages.core.cli import InputError
from stages.core.files import write_arrays
from stages.families import autoencoder, cnn, conv_autoencoder, denoising_autoencoder, gan
from stages.images import base, transfer
from stages.images.augmentation import Augmentation, augment
from stages.images.digits import Samples
from stages.training import keras_file, runtime
from tests.configuration import compose

RANDOM = np.random.default_rng(0)
DIGITS = RANDOM.random((12, 28, 28, 1), "float32")
STILL = {"rotation": 0.0, "brightness": 0.0, "shear": 0.0, "zoom": 0.0, "horizontal_flip": False}


@pytest.fixture(scope="module", autouse=True)
def started() -> None:
    runtime.start(seed=0)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return compose(tmp_path_factory.mktemp("conf") / "params.yaml", "budget=source")["train"]


def section(family: Any, block: Any, **changes: Any) -> Any:
    return params.check({**block, **changes}, family, "train")


def trainable(network: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def test_cnn_has_the_sizes_of_the_source(source: Any) -> None:
    network, features = cnn.build(section(cnn.Cnn, source["cnn"]), 10)
    counts = [layer.count_params() for layer in network.layers if layer.count_params()]
    assert counts == [320, 18_496, 313_700, 1_010]
    assert network.count_params() == 333_526
    assert features.output_shape == (None, 100)


@pytest.mark.parametrize(
    ("family", "parameters", "code"),
    [
        (autoencoder.family, 222_384, 32),
        (conv_autoencoder.family, 1_921, 245),
        (denoising_autoencoder.family, 1_921, 245),
    ],
)
def test_autoencoders_have_the_sizes_of_the_source(
    family: Any, parameters: int, code: int, source: Any
) -> None:
    network, encoder = family.build(section(family.schema, source[family.name]))
    assert network.count_params() == parameters
    assert encoder.output_shape == (None, code)
    reconstructed = network(DIGITS).numpy()
    assert reconstructed.shape == DIGITS.shape
    assert reconstructed.min() >= 0 and reconstructed.max() <= 1


def test_gan_has_the_sizes_of_the_source(source: Any) -> None:
    made = gan.Adversaries(section(gan.Gan, source["gan"]))
    assert made.generator.count_params() == 1_493_520
    assert made.generator.count_params() - trainable(made.generator) == 3_584
    assert made.discriminator.count_params() == 533_505
    assert made.combined.count_params() == 2_027_025
    assert trainable(made.generator) == 1_489_936


def test_transfer_has_the_sizes_of_the_source(source: Any) -> None:
    vgg16 = base.with_preprocessing(*base.load_trunk(named("vgg16")))
    vgg16.trainable = False
    assert vgg16.input_shape == (None, 224, 224, 3)
    new = section(transfer.TransferFit, source["transfer"])
    head = transfer.build_head(new, vgg16.output_shape[-1], 2)
    network = transfer.join(vgg16, head, new.augmentation, frozen=True)
    assert network.count_params() == 134_675_396
    assert trainable(network) == 414_852


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
    network = base.with_preprocessing(*base.load_trunk(named(name, alpha=alpha)))
    assert network.input_shape == (None, *shape)
    assert network.output_shape == (None, features)


@pytest.fixture
def adversaries(source: Any) -> gan.Adversaries:
    small = {"generator": [8], "discriminator": [8], "noise_size": 4}
    small |= {"instance_noise": 0.1, "average": 0.9}
    return gan.Adversaries(section(gan.Gan, source["gan"], **small))


def weights(network: keras.Model) -> list[np.ndarray]:
    return [weight.numpy().copy() for weight in network.trainable_weights]


def moved(before: list[np.ndarray], network: keras.Model) -> bool:
    changed = [
        not np.array_equal(old, new) for old, new in zip(before, weights(network), strict=True)
    ]
    assert len(set(changed)) == 1, "some weights move, others do not"
    return changed[0]


def test_the_discriminator_moves_in_its_own_update_alone(adversaries: gan.Adversaries) -> None:
    before = [weights(adversaries.discriminator), weights(adversaries.generator)]
    adversaries.update_discriminator(DIGITS.reshape(len(DIGITS), -1), 1.0, [1, 2])
    assert moved(before[0], adversaries.discriminator)
    assert not moved(before[1], adversaries.generator)
    before = [weights(adversaries.discriminator), weights(adversaries.generator)]
    adversaries.update_generator(RANDOM.standard_normal((12, 4), "float32"), [1, 2])
    assert not moved(before[0], adversaries.discriminator)
    assert moved(before[1], adversaries.generator)


def test_a_step_trains_both_and_averages_the_generator(adversaries: gan.Adversaries) -> None:
    start = [weight.numpy().copy() for weight in adversaries.averaged.weights]
    before = [weights(adversaries.discriminator), weights(adversaries.generator)]
    noise = RANDOM.standard_normal((3, 12, 4), "float32")
    pixels = DIGITS.reshape(len(DIGITS), -1) * 2 - 1
    losses = adversaries.step(pixels, noise, np.ones((4, 2), "int64")).numpy()
    assert losses.shape == (2,) and np.isfinite(losses).all()
    assert moved(before[0], adversaries.discriminator)
    assert moved(before[1], adversaries.generator)
    decay = adversaries.average
    ends = (weight.numpy() for weight in adversaries.generator.weights)
    for old, new, mean in zip(start, ends, adversaries.averaged.weights, strict=True):
        np.testing.assert_allclose(mean.numpy(), decay * old + (1 - decay) * new, atol=1e-6)


def named(name: str, **changes: Any) -> base.Transfer:
    given = {"weights": None, "alpha": 1.0, "preprocessing": None, "sha256": None}
    return params.check({"base": name, **given, **changes}, base.Transfer, "transfer")


def trunk() -> keras.Model:
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(inputs))
    return keras.Model(inputs, layers.Conv2D(5, 3, padding="same")(layers.ReLU()(x)))


PICTURES = RANDOM.integers(0, 256, size=(10, 8, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["caffe", "tf", "torch"])
def test_preprocessing_is_that_of_keras(name: Any) -> None:
    ours = np.asarray(base.preprocess(PICTURES.astype("float32"), name))
    theirs = keras.applications.imagenet_utils.preprocess_input(
        PICTURES.astype("float32"), mode=name
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("name", ["caffe", "tf", "torch", "unit", "none"])
def test_a_base_is_saved_with_its_preprocessing(name: Any, tmp_path: Path) -> None:
    network = base.with_preprocessing(trunk(), name)
    keras_file.save(network, tmp_path / "base.keras")
    loaded = keras.models.load_model(tmp_path / "base.keras")
    np.testing.assert_array_equal(loaded.predict(PICTURES), network.predict(PICTURES))


def test_a_base_of_a_file_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "base.keras"
    keras_file.save(trunk(), path)
    network, preprocessing = base.load_trunk(named(str(path)))
    assert (network.count_params(), preprocessing) == (trunk().count_params(), "caffe")
    with pytest.raises(InputError, match=r"its SHA-256 is [0-9a-f]{64}, transfer\.sha256 is 0{64}"):
        base.load_trunk(named(str(path), sha256="0" * 64))
    with pytest.raises(InputError, match="is 'vgg61': expected digits, vgg16, resnet50"):
        base.load_trunk(named("vgg61"))
    path.write_bytes(b"no network")
    with pytest.raises(InputError, match="cannot be loaded as a Keras model"):
        base.load_trunk(named(str(path)))


@pytest.fixture
def smoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of a smoke budget, whose cnn is trained on augmented pictures."""
    compose(tmp_path / "params.yaml", "budget=smoke", "train.cnn.augmentation.rotation=10.0")
    monkeypatch.chdir(tmp_path)


def test_the_trunk_for_digits_augments_nothing(smoke: None) -> None:
    images = (DIGITS[..., 0] * 255).astype("uint8")
    write_arrays(base.ARRAYS, images=images, labels=np.arange(12) % 2)
    network, preprocessing = base.digits_trunk(seed=1)
    assert preprocessing == "unit" and network.input_shape == (None, 28, 28, 1)
    kinds = {type(layer).__name__ for layer in network.layers}
    assert "Conv2D" in kinds and not any(kind.startswith("Random") for kind in kinds)
    np.testing.assert_array_equal(network(DIGITS, training=True), network(DIGITS, training=False))


def test_the_trunk_for_digits_needs_digits(smoke: None) -> None:
    write_arrays(base.ARRAYS, images=np.empty((0, 28, 28), "uint8"), labels=np.empty(0, "int64"))
    with pytest.raises(InputError, match=r"'digits', which goes with pets\.source digits_transfer"):
        base.digits_trunk(seed=1)


def test_weights_that_cannot_be_had_are_told() -> None:
    with pytest.raises(InputError, match=r"'mobilenet' with transfer\.weights 'none\.h5'"):
        base.load_trunk(named("mobilenet", weights="none.h5"))


def joined(source: Any, **changes: Any) -> tuple[keras.Model, keras.Model, keras.Model, Any]:
    new = section(transfer.TransferFit, source["transfer"], **changes)
    frozen = base.with_preprocessing(trunk(), "tf")
    frozen.trainable = False
    head = transfer.build_head(new, frozen.output_shape[-1], 2)
    return frozen, head, transfer.join(frozen, head, new.augmentation, frozen=True), new


def test_kept_features_give_what_the_whole_network_gives(source: Any) -> None:
    frozen, head, network, _ = joined(source)
    features = frozen.predict(PICTURES)
    np.testing.assert_allclose(head.predict(features), network.predict(PICTURES), atol=1e-6)


def test_a_frozen_base_stays_as_it_is(source: Any) -> None:
    frozen, head, network, _ = joined(source)
    before = [weight.numpy().copy() for weight in frozen.weights]
    start = weights(head)
    network.compile("adam", "sparse_categorical_crossentropy")
    network.fit(PICTURES, np.arange(10) % 2, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, frozen.weights, strict=True))
    assert moved(start, head)


def test_only_the_last_layers_are_unfrozen_and_no_batch_normalization(source: Any) -> None:
    frozen, *_ = joined(source)
    for count, expected in ((1, [5]), (2, [4, 5]), (9, [4, 5])):
        transfer.unfreeze(frozen, count)
        filters = [weight.shape[-1] for weight in frozen.trainable_weights if weight.ndim == 4]
        assert filters == expected
        assert all(weight.ndim in (1, 4) for weight in frozen.trainable_weights)
        assert len(frozen.trainable_weights) == 2 * len(expected)


def test_the_base_learns_in_the_second_phase_alone(
    source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip = {"augmentation": STILL | {"horizontal_flip": True}}
    tuned = {"fine_tune": {"layers": 1, "epochs": 1, "learning_rate": 0.01}}
    frozen, head, _, new = joined(source, **flip, **tuned)
    pictures = {"train": PICTURES, "valid": PICTURES}
    kept = Samples(frozen.predict(PICTURES), np.arange(10) % 2, np.arange(10))
    family = transfer.TransferFamily("transfer", transfer.TransferFit, frozen=True)
    monkeypatch.setattr(transfer.TransferFamily, "pictures", lambda *_: pictures)
    splits = {"train": kept, "valid": kept}
    (first, second), _ = family.frozen_phases(new, frozen, head, splits)
    before = [weight.numpy().copy() for weight in frozen.weights]
    for phase in (first, second):
        phase.prepare()
        phase.network.optimizer.build(phase.network.trainable_variables)
    changed = []
    for phase in (first, second):
        phase.prepare()
        phase.network.fit(phase.inputs, kept.labels, verbose=0)
        ends = zip(before, frozen.weights, strict=True)
        changed.append([not np.array_equal(old, new.numpy()) for old, new in ends])
    last = [weight.shape[-1] == 5 for weight in frozen.weights]
    assert changed == [[False] * len(before), last]


@pytest.mark.parametrize(
    "change", [{"rotation": 90.0}, {"zoom": 0.5}, {"shear": 0.5}, {"horizontal_flip": True}]
)
def test_augmentation_changes_pictures_in_training_alone(change: dict[str, Any]) -> None:
    augmentation = Augmentation.model_validate(STILL | change)
    assert augmentation.is_on
    inputs = keras.Input((8, 8, 3))
    network = keras.Model(inputs, augment(inputs, augmentation, 255))
    pictures = PICTURES.astype("float32")
    np.testing.assert_array_equal(network(pictures, training=False), pictures)
    assert not np.array_equal(network(pictures, training=True), pictures)


def test_brightness_stays_between_black_and_white() -> None:
    augmentation = Augmentation.model_validate(STILL | {"brightness": 1.0})
    inputs = keras.Input((28, 28, 1))
    network = keras.Model(inputs, augment(inputs, augmentation, 1))
    changed = network(DIGITS, training=True).numpy()
    assert not np.array_equal(changed, DIGITS)
    assert changed.min() >= 0 and changed.max() <= 1


def test_no_augmentation_is_off() -> None:
    assert not Augmentation.model_validate(STILL).is_on


def test_noise_is_clipped_and_comes_again(
    source: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose(tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    family = denoising_autoencoder.family
    noisy = family.add_noise(DIGITS, [1, 2])
    assert noisy.min() >= 0 and noisy.max() <= 1 and not np.array_equal(noisy, DIGITS)
    assert np.array_equal(noisy, family.add_noise(DIGITS, [1, 2]))
    assert not np.array_equal(noisy, family.add_noise(DIGITS, [1, 3]))
    middle = (DIGITS > 0.45) & (DIGITS < 0.55)
    assert np.std((noisy - DIGITS)[middle]) == pytest.approx(0.4, abs=0.05)
    assert conv_autoencoder.family.add_noise(DIGITS, [1, 2]) is DIGITS
