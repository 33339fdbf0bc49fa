"""The review networks have the layers of the source, and every choice of the toolbox works."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochwise import families
from epochwise.core import params
from epochwise.families import bilstm, lstm, mlp, transformer
from epochwise.learners.text import ReviewNetwork
from epochwise.training import layers as choices, keras_file, runtime
from tests.configuration import compose

VOCABULARY = 65_854
UNKNOWN = np.zeros((VOCABULARY + 1, 0), "float32")
NETWORKS: dict[str, ReviewNetwork] = {
    "mlp": mlp.family,
    "lstm": lstm.family,
    "bilstm": bilstm.family,
    "transformer": transformer.family,
}


@pytest.fixture(scope="module", autouse=True)
def started() -> None:
    runtime.start(seed=0)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return compose(tmp_path_factory.mktemp("conf") / "params.yaml", "budget=source")["train"]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return compose(tmp_path_factory.mktemp("conf") / "params.yaml", "budget=smoke")["train"]


def build(family: str, block: Any, start: np.ndarray) -> keras.Model:
    network = NETWORKS[family]
    return network.build(params.check(block, network.schema, f"train.{family}"), start)


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("mlp", 39_873_370),
        ("lstm", 6_776_551),
        ("bilstm", 6_896_951),
        # The source counts 2,131,693: all but the learned positions, which it lists as a layer.
        ("transformer", 2_131_693 + 100 * 32),
    ],
)
def test_source_sizes(family: str, parameters: int, source: Any) -> None:
    start = np.zeros((1, 300)) if family == "mlp" else UNKNOWN
    assert build(family, source[family], start).count_params() == parameters


def test_source_training(source: Any) -> None:
    facts = {
        name: (block["batch_size"], block["epochs"], block["class_weight"])
        for name, block in source.items()
        if name in NETWORKS
    }
    assert facts == {
        "mlp": (2048, 200, [87.0, 13.0]),
        "lstm": (150, 15, [87.0, 13.0]),
        "bilstm": (150, 5, [87.0, 13.0]),
        "transformer": (250, 15, [85.0, 15.0]),
    }
    assert {block["optimizer"]["name"] for name, block in source.items() if name in NETWORKS} == {
        "adamax"
    }


@pytest.mark.parametrize("family", ["lstm", "bilstm", "transformer"])
def test_an_embedding_starts_from_given_vectors(family: str, smoke: Any) -> None:
    vectors = np.random.default_rng(0).normal(size=(11, 7)).astype("float32")
    network = build(family, smoke[family], vectors)
    (embedding,) = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Embedding) and layer.input_dim == 11
    ]
    assert (embedding.get_weights()[0] == vectors).all() and embedding.trainable


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave"])
def test_merge_modes(merge_mode: str, smoke: Any) -> None:
    network = build("bilstm", {**smoke["bilstm"], "merge_mode": merge_mode}, np.zeros((9, 0)))
    (both,) = [x for x in network.layers if isinstance(x, keras.layers.Bidirectional)]
    assert both.merge_mode == merge_mode
    assert both.output.shape[-1] == (8 if merge_mode == "concat" else 4)


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
    plain = choices.optimizer(choices.Optimizer(name=name, learning_rate=None, clip_norm=None))
    assert type(plain) is kind
    assert {key: plain.get_config()[key] for key in options} == options
    assert plain.get_config()["learning_rate"] == kind().get_config()["learning_rate"]
    clipped = choices.optimizer(choices.Optimizer(name=name, learning_rate=0.25, clip_norm=2.0))
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
def test_initializers(name: Any, kind: type, smoke: Any) -> None:
    assert type(choices.initializer(name)) is kind
    network = build("mlp", {**smoke["mlp"], "initializer": name}, np.zeros((1, 3)))
    kernels = [x for x in network.layers if isinstance(x, keras.layers.Dense)]
    assert {type(layer.kernel_initializer) for layer in kernels} == {kind}


@pytest.mark.parametrize(
    ("normalization", "layers"),
    [
        ("none", []),
        ("batch", [keras.layers.BatchNormalization]),
        ("layer", [keras.layers.LayerNormalization]),
    ],
)
def test_normalization_and_activation(normalization: str, layers: list[type], smoke: Any) -> None:
    block = {"widths": [3], "normalization": normalization, "dropout": 0.0}
    changed = {**smoke["mlp"], "blocks": [block], "activation": "leaky_relu"}
    network = build("mlp", changed, np.zeros((1, 2)))
    assert [type(layer) for layer in network.layers[1:]] == [
        keras.layers.Dense,
        keras.layers.LeakyReLU,
        *layers,
        keras.layers.Dense,
    ]


def test_class_weights() -> None:
    labels = np.array([0, 1, 1, 1])
    assert choices.sample_weights(labels, None).tolist() == [1, 1, 1, 1]
    assert choices.sample_weights(labels, [87.0, 13.0]).tolist() == [87, 13, 13, 13]
    balanced = choices.sample_weights(labels, "balanced")
    assert balanced.tolist() == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3])


def test_saved_networks_have_the_same_bytes_and_load_alone(tmp_path: Path, smoke: Any) -> None:
    for name in ("first", "second"):
        runtime.start(7)
        keras_file.save(
            build("transformer", smoke["transformer"], np.zeros((9, 0))), tmp_path / name
        )
    content = (tmp_path / "first").read_bytes()
    assert (tmp_path / "second").read_bytes() == content
    path = tmp_path / "network.keras"
    path.write_bytes(content)
    tokens = np.arange(16).reshape(2, 8) % 9
    loaded = keras.models.load_model(path, safe_mode=True)
    assert (loaded(tokens).numpy() == keras_file.load(path)(tokens).numpy()).all()


def test_every_family_has_the_contract() -> None:
    for name in (*NETWORKS, "baseline"):
        family = families.load(name)
        assert issubclass(family.schema, params.Section)
        assert callable(family.train) and callable(family.evaluate)
