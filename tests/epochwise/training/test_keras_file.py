"""Saved networks: the same bytes for the same network, for use alone, loadable by themselves."""

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from epochwise.core.cli import InputError
from epochwise.training import keras_file, runtime

INPUTS = np.random.default_rng(0).random((4, 3)).astype("float32")


def network() -> keras.Model:
    runtime.start(3)
    inputs = keras.Input((3,))
    inner = keras.Sequential([keras.layers.Dense(2), keras.layers.BatchNormalization()])
    made = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(inner(inputs)))
    made.compile("adam", "binary_crossentropy")
    made.fit(INPUTS, INPUTS[:, 0] > 0.5, verbose=0)
    return made


def test_the_same_network_has_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first.keras", "second.keras"):
        keras_file.save(network(), tmp_path / name)
    assert (tmp_path / "first.keras").read_bytes() == (tmp_path / "second.keras").read_bytes()


def test_it_loads_by_itself_and_holds_no_optimizer(tmp_path: Path) -> None:
    trained = network()
    keras_file.save(trained, tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(INPUTS), trained(INPUTS))
    assert not getattr(loaded, "optimizer", None)
    bytes_of_weights = 4 * trained.count_params()
    with zipfile.ZipFile(tmp_path / "network.keras") as archive:
        weights = archive.read("model.weights.h5")
    assert bytes_of_weights < len(weights)
    assert b"optimizer" not in weights
    assert trained.optimizer is not None


def test_it_is_not_shrunk_or_dated(tmp_path: Path) -> None:
    keras_file.save(network(), tmp_path / "network.keras")
    with zipfile.ZipFile(tmp_path / "network.keras") as archive:
        for member in archive.infolist():
            assert member.compress_type == zipfile.ZIP_STORED
            assert member.date_time == keras_file.NO_DATE


def check_saver(saver: keras_file.Saver, network: keras.Model, folder: Path) -> None:
    """Refuse a saver that writes anything but what `save` writes, or that alters the network."""
    before = network.get_weights()
    keras_file.write(folder / "again.keras", saver.content())
    for weight, now in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, now)
    keras_file.save(network, folder / "network.keras")
    assert (folder / "again.keras").read_bytes() == (folder / "network.keras").read_bytes()


def test_a_saver_writes_what_save_writes(tmp_path: Path) -> None:
    trained = network()
    saver = keras_file.Saver(trained)
    check_saver(saver, trained, tmp_path)
    trained.fit(INPUTS, INPUTS[:, 0] > 0.5, verbose=0)
    check_saver(saver, trained, tmp_path)
    trained.layers[1].trainable = False
    check_saver(saver, trained, tmp_path)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "int8", "bool"])
def test_weights_of_a_type_that_holds_no_numbers_are_saved_too(kind: str, tmp_path: Path) -> None:
    class Counted(keras.layers.Layer):
        def build(self, _shape: object) -> None:
            self.add_weight(shape=(3,), dtype=kind, initializer="ones", trainable=False)

        def call(self, inputs: object) -> object:
            return inputs

    inputs = keras.Input((3,))
    other = keras.Model(inputs, Counted()(inputs))
    check_saver(keras_file.Saver(other), other, tmp_path)


def test_what_a_saver_has_taken_stays_as_it_was(tmp_path: Path) -> None:
    trained = network()
    before = trained(INPUTS)
    content = keras_file.Saver(trained).content()
    trained.fit(INPUTS, INPUTS[:, 0] > 0.5, verbose=0)
    keras_file.write(tmp_path / "network.keras", content)
    np.testing.assert_array_equal(keras_file.load(tmp_path / "network.keras")(INPUTS), before)


def test_a_saver_looks_for_places_once_until_other_layers_learn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = network()
    saver = keras_file.Saver(trained)
    keras_file.write(tmp_path / "network.keras", saver.content())
    monkeypatch.setattr(keras_file, "_content", None)
    trained.set_weights([weight + 1 for weight in trained.get_weights()])
    keras_file.write(tmp_path / "network.keras", saver.content())
    loaded = keras_file.load(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(INPUTS), trained(INPUTS))
    trained.layers[1].trainable = False
    with pytest.raises(TypeError):
        keras_file.write(tmp_path / "network.keras", saver.content())


def test_what_is_no_network_is_told(tmp_path: Path) -> None:
    path = tmp_path / "network.keras"
    path.write_text("no network")
    with pytest.raises(InputError, match=r"network\.keras cannot be loaded as a Keras model"):
        keras_file.load(path)
    with pytest.raises(InputError, match="cannot be loaded as a Keras model"):
        keras_file.load(tmp_path / "none.keras")


def test_a_layer_with_code_of_its_own_is_not_run(tmp_path: Path) -> None:
    inputs = keras.Input((3,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs)).save(tmp_path / "lambda.keras")
    with pytest.raises(InputError, match="cannot be loaded as a Keras model"):
        keras_file.load(tmp_path / "lambda.keras")


def test_a_network_within_it_may_have_been_compiled(tmp_path: Path) -> None:
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    inner.compile("adam", "mse")
    inputs = keras.Input((3,))
    network = keras.Model(inputs, inner(inputs))
    keras_file.save(network, tmp_path / "network.keras")
    loaded = keras_file.load(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(np.ones((1, 3))), network(np.ones((1, 3))))
    check_saver(keras_file.Saver(network), network, tmp_path)
