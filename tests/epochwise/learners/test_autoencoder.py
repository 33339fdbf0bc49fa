"""Autoencoders are trained and scored alike, with noise, and with a loss of their own."""

from collections.abc import Callable
from functools import cache
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import keras
import numpy as np
import pandas as pd
import pytest
import yaml

from epochwise import families
from epochwise.core import params, paths
from epochwise.core.files import copy_epoch, read_arrays, read_json, read_table
from epochwise.inputs.images import DIGIT, Digits
from epochwise.learners import autoencoder
from epochwise.measures.reconstruction import cross_entropies
from epochwise.reports import reconstruction
from epochwise.training import keras_file
from epochwise.training.layers import Fit, optimizer
from epochwise.training.steps import Trainer
from tests.image_data import CLASSES, EACH, change_params, make_project, write_digits

SPLITS = ("train", "valid", "test")
CLEAN = np.random.default_rng(0).random((50, *DIGIT), "float32")
Scored: TypeAlias = Callable[[str], tuple[Path, list[np.ndarray]]]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(tmp_path, monkeypatch)


def enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    make_project(folder)
    patch.chdir(folder)
    write_digits("train", "valid")


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    """What trains a family for two epochs and scores it, once: its folder, and what it read."""
    add_noise = autoencoder.add_noise

    @cache
    def made(name: str) -> tuple[Path, list[np.ndarray]]:
        folder = tmp_path_factory.mktemp(name)
        read: list[np.ndarray] = []

        def kept(*arguments: Any) -> np.ndarray:
            read.append(add_noise(*arguments))
            return read[-1]

        with pytest.MonkeyPatch.context() as patch:
            enter(folder, patch)
            change_params(**{name: {"epochs": 2}})
            patch.setattr(autoencoder, "add_noise", kept)
            train_and_score(families.load(name))
        return folder, read

    return made


def noise(deviation: float, seed: int = 1) -> np.ndarray:
    return autoencoder.add_noise(CLEAN, deviation, np.random.default_rng(seed))


def test_noise_is_clipped_and_comes_again() -> None:
    noisy = noise(0.1)
    assert noisy.min() >= 0 and noisy.max() <= 1
    assert np.array_equal(noisy, noise(0.1)) and not np.array_equal(noisy, noise(0.1, seed=2))
    middle = (CLEAN > 0.45) & (CLEAN < 0.55)
    assert np.std((noisy - CLEAN)[middle]) == pytest.approx(0.1, abs=0.01)
    assert noise(0.0) is CLEAN


def test_no_two_splits_are_scored_with_the_same_noise() -> None:
    section = families.load("denoising_autoencoder").read_params()
    read = [autoencoder.scored_inputs(CLEAN, split, section, seed=1) for split in SPLITS]
    again = [autoencoder.scored_inputs(CLEAN, split, section, seed=1) for split in SPLITS]
    for index, first in enumerate(read):
        assert np.array_equal(first, again[index])
        assert not any(np.array_equal(first, other) for other in read[:index])


def test_the_inputs_of_every_epoch_have_noise_of_their_own(scored: Scored) -> None:
    _, read = scored("denoising_autoencoder")
    measured, *epochs, again = [noisy for noisy in read if len(noisy) == CLASSES * EACH["train"]]
    assert len(epochs) == 2 and np.array_equal(measured, again)
    for one, other in combinations([measured, *epochs], 2):
        assert not np.array_equal(one, other)


def train_and_score(family: families.Family) -> None:
    section = family.read_params()
    autoencoder.train(family, section, seed=1)
    write_digits("test")
    copy_epoch(paths.epochs(family.name), section.epochs - 1, paths.chosen(family.name))  # type: ignore[attr-defined]
    autoencoder.score(family, section, seed=1)


@pytest.mark.parametrize("name", ["autoencoder", "denoising_autoencoder"])
def test_scores_are_what_the_chosen_epoch_makes_of_every_split(
    name: str, scored: Scored, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = scored(name)
    monkeypatch.chdir(folder)
    section = families.load(name).read_params()
    noisy = name == "denoising_autoencoder"
    network, encoder = (
        keras_file.load(paths.chosen(name) / f"{part}.keras") for part in ("model", "encoder")
    )
    for split in SPLITS:
        clean = Digits().read(split).inputs
        read = autoencoder.scored_inputs(clean, split, section, seed=1)
        table = read_table(paths.scores(name) / f"{split}.parquet").to_pandas()
        outputs = network.predict(read, 256, verbose=0).astype("float64")
        errors = np.square(outputs - clean).mean(axis=(1, 2, 3))
        np.testing.assert_allclose(table["mse"], errors, rtol=1e-12)
        expected = cross_entropies(clean, outputs)
        np.testing.assert_allclose(table["cross_entropy"], expected, rtol=1e-12)
        codes = encoder.predict(clean, 256, verbose=0)
        np.testing.assert_array_equal(np.stack(table["code"]), codes)
        pixels = np.stack(table["pixels"]).reshape(-1, *DIGIT)
        np.testing.assert_allclose(pixels / 255, clean, atol=1e-6)
        assert ("noisy_mse" in table) == noisy
        if noisy:
            errors = np.square(read.astype("float64") - clean).mean(axis=(1, 2, 3))
            np.testing.assert_allclose(table["noisy_mse"], errors, rtol=1e-12)
    shown = read_arrays(paths.scores(name) / "shown.npz")
    assert set(shown) == {"original", "reconstruction"} | ({"noisy"} if noisy else set())
    assert len(shown["original"]) == CLASSES
    assert read_json(paths.scores(name) / "model.json") == {"parameters": network.count_params()}


@pytest.mark.parametrize("name", ["autoencoder", "denoising_autoencoder"])
def test_the_losses_of_the_chosen_epoch_are_the_means_of_its_scores(
    name: str, scored: Scored, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = scored(name)
    monkeypatch.chdir(folder)
    chosen = pd.read_csv(paths.metrics(name, "epochs.csv")).iloc[-1]
    for split in ("train", "valid"):
        mean = read_table(paths.scores(name) / f"{split}.parquet")["cross_entropy"].to_numpy()
        assert chosen[f"{split}_loss"] == pytest.approx(mean.mean(), rel=1e-5)
    assert chosen["train_loss"] != pytest.approx(chosen["valid_loss"], rel=1e-5)


def test_a_noisy_image_is_fitted_to_the_clean_one(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[np.ndarray]] = []
    monkeypatch.setattr(Trainer, "epoch", lambda _, columns, batches: given.append(columns))
    family = families.load("denoising_autoencoder")
    autoencoder.prepare(family, family.read_params(), seed=1).fit(0)
    ((read, written),) = given
    clean = Digits().read("train", DIGIT).inputs
    np.testing.assert_array_equal(written, clean)
    assert read.shape == clean.shape and not np.array_equal(read, clean)


class Params(Fit):
    """Of the variational autoencoder below."""

    code: int

    def deviation(self) -> float:
        return 0.0


def build(section: Params) -> dict[str, keras.Model]:
    """A variational autoencoder (Kingma & Welling 2014) of layers that Keras can load by itself."""
    layers = keras.layers
    inputs = keras.Input(DIGIT)
    x = layers.Dense(8, "relu")(layers.Flatten()(inputs))
    mean = layers.Dense(section.code, name="mean")(x)
    log_variance = layers.Dense(section.code, name="log_variance")(x)
    drawn = layers.GaussianNoise(1.0)(layers.Rescaling(0.0)(mean))  # 0 but in training
    code = layers.Add()([mean, layers.Multiply()([keras.ops.exp(log_variance / 2), drawn])])
    given = keras.Input((section.code,))
    pixels = layers.Reshape(DIGIT)(layers.Dense(784, "sigmoid")(given))
    decoder = keras.Model(given, pixels, name="decoder")
    return {
        "": keras.Model(inputs, decoder(code)),
        "encoder": keras.Model(inputs, mean),
        "decoder": decoder,
    }


class WithDivergence(keras.Model):
    """Fitted to the cross-entropy of the reconstruction and, above all, a code around 0."""

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        outputs, mean, log_variance = y_pred
        divergence = keras.ops.exp(log_variance) + mean**2 - 1 - log_variance
        loss = keras.losses.binary_crossentropy(y, outputs)
        return keras.ops.mean(loss) + 100 * keras.ops.mean(divergence)


def compiled(section: Params, networks: dict[str, keras.Model]) -> keras.Model:
    whole = networks[""]
    code = [whole.get_layer(name).output for name in ("mean", "log_variance")]
    fitted = WithDivergence(whole.inputs, [whole.outputs[0], *code])
    fitted.compile(optimizer(section.optimizer))
    return fitted


def test_a_family_may_have_a_loss_and_networks_of_its_own() -> None:
    module: Any = ModuleType("vae")
    module.Params, module.build, module.compiled = Params, build, compiled
    table = params.load(families.TABLE)
    table["reconstruction"]["vae"] = table["reconstruction"]["autoencoder"]
    families.TABLE.write_text(yaml.safe_dump(table))
    content = params.load()
    block = content["train"]["autoencoder"]
    section = {name: block[name] for name in Fit.model_fields} | {"code": 2, "epochs": 2}
    params.PARAMS.write_text(yaml.safe_dump(content | {"train": {"vae": section}}))
    train_and_score(families.Family("vae", families.row("vae"), module))
    kept = {path.name for path in paths.chosen("vae").iterdir()}
    assert kept == {"model.keras", "encoder.keras", "decoder.keras"}
    first, last = (
        keras_file.load(paths.epochs("vae") / f"00{epoch}.encoder.keras")(CLEAN).numpy()
        for epoch in (0, 1)
    )
    assert np.square(last).mean() < 0.99 * np.square(first).mean(), "its own loss is what it learns"
    network = keras.models.load_model(paths.chosen("vae") / "model.keras")
    np.testing.assert_array_equal(network(CLEAN), network(CLEAN))
    reconstruction.write("vae", {"epoch": 1}, seed=1)
    report = read_json(paths.metrics("vae", "test.json"))
    assert report["code_size"] == 2 and report["n"] == CLASSES * EACH["test"]
    assert "valid_loss" in pd.read_csv(paths.metrics("vae", "epochs.csv"))
