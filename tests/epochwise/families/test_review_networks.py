"""The review networks have the layers of the textbook, and the contract of their learner."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import keras
import numpy as np
import pytest
import tensorflow as tf

from epochwise import families
from epochwise.core import params
from epochwise.core.cli import InputError
from epochwise.training import keras_file, runtime
from tests.configuration import compose
from tests.kernels import check_drawn_apart

VOCABULARY = 65_854
UNKNOWN = np.zeros((VOCABULARY + 1, 0), "float32")
NETWORKS = [name for name, row in families.table().items() if row.learner == "text"]
SEQUENCES = [name for name in NETWORKS if name != "mlp"]
RANDOM = np.random.default_rng(0)
Built: TypeAlias = Callable[[str], keras.Model]


@pytest.fixture(scope="module", autouse=True)
def started() -> None:
    runtime.start(seed=0)


@pytest.fixture(scope="module")
def textbook(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return compose(tmp_path_factory.mktemp("conf") / "params.yaml", "budget=source")["train"]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return compose(tmp_path_factory.mktemp("conf") / "params.yaml", "budget=smoke")["train"]


@pytest.fixture(scope="module")
def built(smoke: Any) -> Built:
    """What gives the network of a family, built once: tests must not change it."""
    return cache(lambda name: build(name, smoke[name], word_vectors(name)))


def build(name: str, block: Any, vectors: np.ndarray) -> keras.Model:
    family = families.load(name)
    section = params.check(block, family.schema, f"train.{name}")
    network: keras.Model = family.module.build(section, vectors)
    return network


@cache
def word_vectors(name: str, size: int = 7) -> np.ndarray:
    """What the family `name` starts from: vectors of 11 token ids, or document vectors."""
    return RANDOM.normal(size=(11, size)).astype("float32")


def inputs(name: str, network: keras.Model) -> np.ndarray:
    """Ten reviews as the family reads them."""
    size = network.input_shape[1] or 8
    tokens = RANDOM.integers(0, 11, (10, size)).astype("int32")
    return tokens if name in SEQUENCES else RANDOM.normal(size=(10, size)).astype("float32")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("mlp", 39_873_370),
        ("lstm", 6_776_551),
        ("bilstm", 6_896_951),
        # The textbook counts 2,131,693: all but the learned positions, which it lists as a layer.
        ("transformer", 2_131_693 + 100 * 32),
    ],
)
def test_sizes_are_those_of_the_textbook(name: str, parameters: int, textbook: Any) -> None:
    vectors = np.zeros((1, 300)) if name == "mlp" else UNKNOWN
    assert build(name, textbook[name], vectors).count_params() == parameters


def test_training_is_that_of_the_textbook(textbook: Any) -> None:
    facts = {
        name: (block["batch_size"], block["epochs"], block["class_weight"])
        for name, block in textbook.items()
        if name in NETWORKS
    }
    assert facts == {
        "mlp": (2048, 200, [87.0, 13.0]),
        "lstm": (150, 15, [87.0, 13.0]),
        "bilstm": (150, 5, [87.0, 13.0]),
        "transformer": (250, 15, [85.0, 15.0]),
    }
    assert {textbook[name]["optimizer"]["name"] for name in NETWORKS} == {"adamax"}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_gives_one_probability_a_review(name: str, built: Built) -> None:
    network = built(name)
    assert not network.compiled
    likely = network(inputs(name, network)).numpy()
    assert likely.shape == (10, 1) and ((likely > 0) & (likely < 1)).all()
    assert len(np.unique(likely)) > 1


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_start_from_numbers_of_their_own(name: str, textbook: Any) -> None:
    block = textbook[name]
    if name == "mlp":  # of 40 million weights otherwise
        block = block | {"blocks": [part | {"widths": [60, 30]} for part in block["blocks"]]}
    check_drawn_apart([build(name, block, word_vectors(name, 30))])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_network_loads_by_itself(name: str, built: Built, tmp_path: Any) -> None:
    network = built(name)
    keras_file.save(network, tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    reviews = inputs(name, network)
    np.testing.assert_array_equal(loaded(reviews), network(reviews))
    keras_file.write(tmp_path / "again.keras", keras_file.Saver(network).content())
    files = [(tmp_path / f"{file}.keras").read_bytes() for file in ("network", "again")]
    assert files[0] == files[1]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_slip_in_the_params_is_told(name: str, smoke: Any) -> None:
    with pytest.raises(InputError, match=rf"unknown key 'train\.{name}\.batchsize'"):
        build(name, smoke[name] | {"batchsize": 3}, word_vectors(name))


@pytest.mark.parametrize("name", ["lstm", "bilstm", "transformer"])
def test_touched_word_vectors_are_for_adamax(name: str, smoke: Any) -> None:
    adam = smoke[name] | {"optimizer": smoke[name]["optimizer"] | {"name": "adam"}}
    with pytest.raises(InputError, match=r"touched is for optimizer\.name: adamax, found adam"):
        build(name, adam | {"embedding_updates": "touched"}, word_vectors(name))
    build(name, adam | {"embedding_updates": "all"}, word_vectors(name))


@pytest.mark.parametrize("name", ["lstm", "bilstm", "transformer"])
def test_touched_word_vectors_go_without_clipping(name: str, smoke: Any) -> None:
    clipped = smoke[name] | {"optimizer": smoke[name]["optimizer"] | {"clip_norm": 1.0}}
    with pytest.raises(InputError, match=r"touched goes without optimizer\.clip_norm, found 1\.0"):
        build(name, clipped | {"embedding_updates": "touched"}, word_vectors(name))
    build(name, clipped | {"embedding_updates": "all"}, word_vectors(name))


@pytest.mark.parametrize("name", NETWORKS)
def test_kernels_start_as_the_params_say(name: str, smoke: Any) -> None:
    network = build(name, smoke[name] | {"initializer": "he_uniform"}, word_vectors(name))
    kinds = (keras.layers.Dense, keras.layers.LSTM)
    kernels = [layer.kernel_initializer for layer in network.layers if isinstance(layer, kinds)]
    assert kernels and {type(kernel) for kernel in kernels} == {keras.initializers.HeUniform}


@pytest.mark.parametrize("name", SEQUENCES)
def test_an_embedding_starts_from_given_vectors(name: str, built: Built) -> None:
    (embedding,) = embeddings(built(name))
    assert (embedding.get_weights()[0] == word_vectors(name)).all() and embedding.trainable


@pytest.mark.parametrize("name", SEQUENCES)
def test_an_embedding_without_vectors_has_the_size_of_the_params(name: str, smoke: Any) -> None:
    network = build(name, smoke[name] | {"embedding_size": 5}, np.zeros((11, 0), "float32"))
    (embedding,) = embeddings(network)
    assert embedding.output_dim == 5 and embedding.get_weights()[0].any()


def embeddings(network: keras.Model) -> list[keras.Layer]:
    """The layers that embed 11 token ids."""
    found = (layer for layer in network.layers if isinstance(layer, keras.layers.Embedding))
    return [layer for layer in found if layer.input_dim == 11]


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave"])
def test_both_directions_are_merged_as_the_params_say(merge_mode: str, smoke: Any) -> None:
    network = build("bilstm", smoke["bilstm"] | {"merge_mode": merge_mode}, np.zeros((9, 0)))
    (both,) = [x for x in network.layers if isinstance(x, keras.layers.Bidirectional)]
    assert both.merge_mode == merge_mode
    assert both.output.shape[-1] == (8 if merge_mode == "concat" else 4)


def test_all_but_the_last_recurrent_layer_give_sequences(smoke: Any) -> None:
    changed = smoke["lstm"] | {"units": [4, 3, 2], "trim": False, "length": 8}
    network = build("lstm", changed, np.zeros((9, 0)))
    layers = [x for x in network.layers if isinstance(x, keras.layers.LSTM)]
    assert [(x.units, x.return_sequences) for x in layers] == [(4, True), (3, True), (2, False)]


@pytest.mark.parametrize("name", ["lstm", "bilstm"])
@pytest.mark.parametrize(
    ("normalization", "kinds"),
    [("none", [keras.layers.RNN]), ("layer", [keras.layers.LSTM, keras.layers.LSTM])],
)
def test_recurrent_layers_in_one_loop_compute_what_they_do_one_by_one(
    name: str, normalization: str, kinds: list[type], smoke: Any
) -> None:
    changed = smoke[name] | {"units": [4, 3, 2], "normalization": normalization}
    together = build(name, changed | {"trim": True}, word_vectors(name))
    apart = build(name, changed | {"trim": False, "length": 8}, word_vectors(name))
    apart.set_weights(together.get_weights())
    recurrent = [type(x) for x in together.layers if isinstance(x, keras.layers.RNN)]
    assert recurrent[-len(kinds) :] == kinds
    reviews = RANDOM.integers(1, 11, (10, 8)).astype("int32")
    np.testing.assert_allclose(together(reviews), apart(reviews), rtol=1e-6)
    padded = np.pad(reviews, [(0, 0), (3, 0)])
    np.testing.assert_allclose(together(padded), together(reviews), rtol=1e-6)


@pytest.mark.parametrize("name", ["lstm", "bilstm"])
def test_cudnn_which_takes_padding_on_the_right_alone_reads_no_masks(name: str, smoke: Any) -> None:
    for trim, cudnn in ((True, False), (False, "auto")):
        network = build(name, smoke[name] | {"trim": trim, "length": 8}, word_vectors(name))
        layers = [getattr(x, "forward_layer", x) for x in network.layers]
        assert {x.use_cudnn for x in layers if isinstance(x, keras.layers.LSTM)} == {cudnn}


@pytest.mark.parametrize("name", SEQUENCES)
def test_an_embedding_reads_the_vectors_of_its_batch_alone(name: str, built: Built) -> None:
    network = built(name)
    (embedding,) = embeddings(network)
    graph = tf.function(network).get_concrete_function(inputs(name, network)).graph
    (table,) = (
        inside for outside, inside in graph.captures if outside is embedding.embeddings.value.handle
    )
    assert [operation.type for operation in table.consumers()] == ["ResourceGather"]


@pytest.mark.parametrize(
    ("normalization", "layers"),
    [
        ("none", []),
        ("batch", [keras.layers.BatchNormalization]),
        ("layer", [keras.layers.LayerNormalization]),
    ],
)
def test_normalization_and_activation_follow_a_dense_layer(
    normalization: str, layers: list[type], smoke: Any
) -> None:
    block = {"widths": [3], "normalization": normalization, "dropout": 0.0}
    changed = {**smoke["mlp"], "blocks": [block], "activation": "leaky_relu"}
    network = build("mlp", changed, np.zeros((1, 2)))
    assert [type(layer) for layer in network.layers[1:]] == [
        keras.layers.Dense,
        keras.layers.LeakyReLU,
        *layers,
        keras.layers.Dense,
    ]


def test_the_place_of_a_word_matters_to_the_transformer(built: Built) -> None:
    network = built("transformer")
    tokens = np.arange(1, 9)[None]
    assert network(tokens).numpy() != network(tokens[:, ::-1]).numpy()


def test_the_transformer_attends_with_five_heads_of_32(textbook: Any) -> None:
    network = build("transformer", textbook["transformer"], np.zeros((11, 0), "float32"))
    (attention,) = (x for x in network.layers if isinstance(x, keras.layers.MultiHeadAttention))
    assert (attention.num_heads, attention.key_dim) == (5, 32)


def test_a_block_that_adds_nothing_passes_its_input_on(textbook: Any) -> None:
    """Normalized twice: the connections around the attention and the dense layers are there."""
    network = build("transformer", textbook["transformer"], np.zeros((11, 0), "float32"))
    layers = network.layers
    (attention,) = (x for x in layers if isinstance(x, keras.layers.MultiHeadAttention))
    _, last = (x for x in layers if isinstance(x, keras.layers.LayerNormalization))
    for layer in (attention, *(x for x in layers if isinstance(x, keras.layers.Dense))):
        layer.set_weights([np.zeros(weight.shape) for weight in layer.weights])
    tokens = RANDOM.integers(0, 11, (3, network.input_shape[1])).astype("int32")
    read, given = keras.Model(network.input, [attention.input[0], last.output])(tokens)
    once = (read - np.mean(read, -1, keepdims=True)) / np.std(read, -1, keepdims=True)
    np.testing.assert_allclose(given, once, atol=0.01)


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("side", [0, 1])
def test_padding_of_a_trimmed_batch_is_not_read(name: str, side: int, smoke: Any) -> None:
    network = build(name, smoke[name] | {"trim": True}, word_vectors(name))
    tokens = RANDOM.integers(1, 11, (10, 5)).astype("int32")
    padding = [(0, 0), (0, 3) if side else (3, 0)]
    padded = network(np.pad(tokens, padding)).numpy()
    np.testing.assert_allclose(padded, network(tokens).numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", SEQUENCES)
def test_dropout_of_the_embedding_is_of_training_alone(name: str, smoke: Any) -> None:
    changed = smoke[name] | {"embedding_dropout": 0.9, "dropout": 0.0}
    network = build(name, changed, word_vectors(name))
    reviews = inputs(name, network)
    still = network(reviews).numpy()
    np.testing.assert_array_equal(still, network(reviews).numpy())
    assert not np.allclose(still, network(reviews, training=True).numpy())
