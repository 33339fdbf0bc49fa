"""The image families have the layers of the textbook, and the contract of their learners."""

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochwise import families
from epochwise.core import params
from epochwise.families import base, cnn, gan, head
from epochwise.inputs.images import DIGIT
from epochwise.training import keras_file, runtime
from tests.configuration import compose
from tests.kernels import check_drawn_apart

DIGITS = np.random.default_rng(0).random((12, *DIGIT), "float32")
TABLE = families.table()
AUTOENCODERS = [name for name, row in TABLE.items() if row.learner == "autoencoder"]
SIZES = {
    "autoencoder": (222_384, 32),
    "conv_autoencoder": (1_921, 245),
    "denoising_autoencoder": (1_921, 245),
}
"""Parameters of the whole, and the size of its code."""


@pytest.fixture(scope="module", autouse=True)
def started() -> None:
    runtime.start(seed=0)


@pytest.fixture(scope="module")
def textbook(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return compose(tmp_path_factory.mktemp("conf") / "params.yaml", "budget=source")["train"]


def read(name: str, block: Any) -> Any:
    return params.check(block, families.load(name).schema, f"train.{name}")


def trainable(network: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_every_layer_starts_as_the_initializer_says(name: str, textbook: Any) -> None:
    block = textbook[name] | {"initializer": "glorot_normal"}
    network = families.load(name).module.build(read(name, block))[""]
    starts = [getattr(layer, "kernel_initializer", None) for layer in network.layers]
    assert {type(start).__name__ for start in starts if start} == {"GlorotNormal"}


def test_cnn_has_the_sizes_of_the_textbook(textbook: Any) -> None:
    network, features = cnn.build(read("cnn", textbook["cnn"]), 10)
    counts = [layer.count_params() for layer in network.layers if layer.count_params()]
    assert counts == [320, 18_496, 313_700, 1_010]
    assert network.count_params() == 333_526
    assert features.output_shape == (None, 100)


def test_the_features_are_what_the_last_layer_of_the_cnn_reads(textbook: Any) -> None:
    network, features = cnn.build(read("cnn", textbook["cnn"]), 10)
    before = keras.Model(network.inputs, network.layers[-1].input)
    np.testing.assert_array_equal(features(DIGITS), before(DIGITS))


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_autoencoders_have_the_sizes_of_the_textbook(name: str, textbook: Any) -> None:
    parameters, code = SIZES[name]
    networks = families.load(name).module.build(read(name, textbook[name]))
    assert networks[""].count_params() == parameters
    assert networks["encoder"].output_shape == (None, code)


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_layers_of_autoencoders_start_from_numbers_of_their_own(name: str, textbook: Any) -> None:
    check_drawn_apart([families.load(name).module.build(read(name, textbook[name]))[""]])


def test_layers_of_other_image_networks_start_from_numbers_of_their_own(textbook: Any) -> None:
    check_drawn_apart([cnn.build(read("cnn", textbook["cnn"]), 10)[0]])
    made = gan.build(read("gan", textbook["gan"]))
    check_drawn_apart([made.generator, made.discriminator])
    check_drawn_apart([head.build_head(read("transfer", textbook["transfer"]), 64, 2)])


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_autoencoders_have_the_contract(name: str, textbook: Any) -> None:
    section = read(name, textbook[name])
    assert (section.deviation() > 0) == (name == "denoising_autoencoder")
    networks = families.load(name).module.build(section)
    reconstructed = networks[""](DIGITS).numpy()
    assert reconstructed.shape == DIGITS.shape
    assert reconstructed.min() >= 0 and reconstructed.max() <= 1
    assert len(networks["encoder"](DIGITS)) == len(DIGITS)
    whole = {id(weight) for weight in networks[""].weights}
    assert {id(weight) for weight in networks["encoder"].weights} < whole


def test_the_code_has_an_activation_of_its_own(textbook: Any) -> None:
    for activation, negative in (("relu", False), ("linear", True)):
        changes = {"code_activation": activation, "normalization": "batch", "dropout": 0.5}
        block = textbook["autoencoder"] | changes
        networks = families.load("autoencoder").module.build(read("autoencoder", block))
        codes = networks["encoder"](DIGITS).numpy()
        assert (codes.min() < 0) == negative
        np.testing.assert_array_equal(codes, networks["encoder"](DIGITS))
        assert not np.array_equal(codes, networks["encoder"](DIGITS, training=True)), "dropout"


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.embeds])
def test_what_embeds_is_a_network_that_is_kept(name: str, textbook: Any) -> None:
    family = families.load(name)
    section = read(name, textbook[name])
    if family.row.learner == "autoencoder":
        assert family.row.embeds in family.module.build(section)
    else:
        assert family.row.embeds in family.module.phases(section, Digits())[1]


class Digits:
    """A data set, for a family that asks for it."""

    classes = ("0", "1")

    def read(self, split: str) -> Any:
        return type("Samples", (), {"inputs": DIGITS})


@pytest.mark.parametrize("name", ["conv_autoencoder", "denoising_autoencoder"])
def test_convolutions_are_pooled_to_the_code_and_the_code_is_enlarged_before_them(
    name: str, textbook: Any
) -> None:
    network = families.load(name).module.build(read(name, textbook[name]))[""]
    kinds = [
        f"{layer.filters} of {layer.kernel_size[0]}" if hasattr(layer, "filters") else layer.name
        for layer in network.layers[1:]
        if not isinstance(layer, keras.layers.ReLU)
    ]
    enlarged, pooled = "up_sampling2d", "max_pooling2d"
    assert [re.sub(r"_\d+$", "", kind) for kind in kinds] == [
        *("10 of 5", pooled, "5 of 2", pooled),
        *(enlarged, "5 of 2", enlarged, "10 of 5", "1 of 3"),
    ]
    sizes = [layer.output.shape[1] for layer in network.layers if hasattr(layer, "filters")]
    assert sizes == [28, 14, 14, 28, 28], "all are padded"
    follows = list(zip(network.layers, network.layers[1:], strict=False))
    rectified = [type(y) is keras.layers.ReLU for x, y in follows if hasattr(x, "filters")]
    assert rectified == [True] * 4
    assert network.layers[-1].activation is keras.activations.sigmoid


def test_gan_has_the_sizes_of_the_textbook(textbook: Any) -> None:
    made = gan.build(read("gan", textbook["gan"]))
    assert made.generator.count_params() == 1_493_520
    assert made.generator.count_params() - trainable(made.generator) == 3_584
    assert made.discriminator.count_params() == 533_505
    assert made.combined.count_params() == 2_027_025
    assert trainable(made.generator) == 1_489_936


def test_gan_has_the_layers_of_the_textbook(textbook: Any) -> None:
    made = gan.build(read("gan", textbook["gan"]))
    layers = keras.layers
    hidden = [layers.Dense, layers.LeakyReLU]
    for network, kinds in (
        (made.generator, [*(3 * [*hidden, layers.BatchNormalization]), layers.Dense]),
        (made.discriminator, [*(2 * hidden), layers.Dense]),
    ):
        assert [type(layer) for layer in network.layers[1:]] == kinds
        slopes = [layer.negative_slope for layer in network.layers if type(layer) is kinds[1]]
        assert slopes == pytest.approx([0.2] * len(slopes))
    last = [network.layers[-1].activation for network in (made.generator, made.discriminator)]
    assert last == [keras.activations.tanh, keras.activations.sigmoid]


def test_transfer_has_the_sizes_of_the_textbook(
    textbook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # To draw 134 million weights takes seconds.
    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", keras.initializers.Zeros())
    named = {"base": "vgg16", "weights": None, "alpha": 1.0, "preprocessing": None, "sha256": None}
    vgg16 = base.with_preprocessing(*base.load_base(params.check(named, base.Transfer, "transfer")))
    vgg16.trainable = False
    assert vgg16.input_shape == (None, 224, 224, 3)
    section = read("transfer", textbook["transfer"])
    new = head.build_head(section, vgg16.output_shape[-1], 2)
    network = head.join(vgg16, new, section.augmentation, frozen=True)
    assert network.count_params() == 134_675_396
    assert trainable(network) == 414_852


def test_a_saved_family_loads_by_itself(textbook: Any, tmp_path: Path) -> None:
    """With Keras alone, safe mode on, and gives what it gave."""
    networks = families.load("conv_autoencoder").module.build(
        read("conv_autoencoder", textbook["conv_autoencoder"])
    )
    keras_file.save(networks[""], tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(DIGITS), networks[""](DIGITS))
