"""The judge of generated digits, and the gan that is trained and scored by it."""

import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from epochwise import families
from epochwise.core import paths
from epochwise.core.files import copy_epoch, read_json, read_table
from epochwise.families import cnn
from epochwise.families.gan import Adversaries
from epochwise.inputs.images import Digits
from epochwise.learners import gan
from epochwise.training import keras_file, runtime
from epochwise.training.steps import Predictor
from epochwise.training.streams import Stream
from tests.image_data import CLASSES, change_params, make_project, write_digits

STEPS = 3
STREAMS: tuple[Stream, Stream] = ("test_latent", "latent")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with digits, but none of test, and with a cnn that has been chosen."""
    folder = tmp_path_factory.mktemp("origin")
    make_project(folder)
    with chdir(folder):
        change_params(gan={"epochs": 2, "steps_per_epoch": STEPS, "keep_epochs": None})
        write_digits("train", "valid")
        runtime.start(seed=0)
        section = families.load("cnn").read_params()
        network, features = cnn.build(section, CLASSES)  # type: ignore[arg-type]
        keras_file.save(network, paths.chosen("cnn") / "model.keras")
        keras_file.save(features, paths.chosen("cnn") / "features.keras")
    return folder


@pytest.fixture(autouse=True)
def project(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(origin, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    runtime.start(seed=0)


def brightness(_: gan.Judge, images: np.ndarray) -> np.ndarray:
    """Stands in for the labels of the judge, whose cnn reads the same in all that is drawn here."""
    return np.round(1e4 * images.mean(axis=(1, 2, 3))).astype("int64")


@pytest.fixture(scope="module")
def scored(origin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a gan trained for two epochs, and then, with digits of test, scored."""
    folder = tmp_path_factory.mktemp("scored")
    shutil.copytree(origin, folder, dirs_exist_ok=True)
    with chdir(folder), pytest.MonkeyPatch.context() as patch:
        family = families.load("gan")
        section = family.read_params()
        gan.train(family, section, seed=1)
        copy_epoch(paths.epochs("gan"), 1, paths.chosen("gan"))
        write_digits("test")
        patch.setattr(gan.Judge, "labels", brightness)
        gan.score(family, section, seed=1)
    return folder


def test_the_judge_reads_what_the_chosen_cnn_reads() -> None:
    judge = gan.Judge(paths.chosen("cnn"))
    images = Digits().read("valid").inputs
    network = keras_file.load(paths.chosen("cnn") / "model.keras")
    before = keras.Model(network.inputs, network.layers[-1].input)
    np.testing.assert_array_equal(judge.features(images), before.predict(images, 256, verbose=0))
    expected = network.predict(images, 256, verbose=0).argmax(axis=1)
    np.testing.assert_array_equal(judge.labels(images), expected)
    assert judge.classes == ["0", "1", "2"]


def test_an_epoch_is_measured_by_the_judge() -> None:
    judge = gan.Judge(paths.chosen("cnn"))
    real = Digits().read("train").inputs
    losses = [np.array([1.0, 4.0], "float32"), np.array([2.0, 6.0], "float32")]
    found = gan.measure(losses, real, judge, judge.features(real))
    assert list(found.row) == ["discriminator_loss", "generator_loss", "valid_frechet", "classes"]
    assert (found.row["discriminator_loss"], found.row["generator_loss"]) == (1.5, 5.0)
    assert found.row["valid_frechet"] == pytest.approx(0, abs=1e-6)
    assert found.row["classes"] == len(np.unique(judge.labels(real)))
    np.testing.assert_array_equal(found.kept["losses"], losses)
    assert found.kept["shown"].shape == (gan.SHOWN, 784)


def test_every_step_of_every_epoch_draws_anew() -> None:
    section = families.load("gan").read_params()
    epochs = [list(gan.draw_steps(section, 10, 1, epoch)) for epoch in (0, 1)]
    noise = np.stack([step[1].numpy() for steps in epochs for step in steps])
    assert noise.shape[:2] == (2 * STEPS, 3)
    assert len(np.unique(noise[:, :, 0, 0])) == noise[:, :, 0, 0].size
    again = next(iter(gan.draw_steps(section, 10, 1, 0)))
    np.testing.assert_array_equal(again[1], noise[0])


def test_the_networks_read_pixels_from_minus_1_to_1(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[np.ndarray] = []

    def step(_: Adversaries, real: tf.Tensor, noise: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        read.append(real.numpy())
        return tf.zeros(2)

    monkeypatch.setattr(Adversaries, "step", step)
    family = families.load("gan")
    section = family.read_params()
    gan.prepare(family, section, seed=1).fit(0)
    images = Digits().read("train").inputs
    for found, (rows, _, _) in zip(read, gan.draw_steps(section, len(images), 1, 0), strict=True):
        expected = 2 * images[rows.numpy()].reshape(found.shape) - 1
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.min(read) == -1


def test_losses_and_progress_of_the_training_reach_the_scores(
    scored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scored)
    table = pd.read_csv(paths.metrics("gan", "epochs.csv"))
    assert {"discriminator_loss", "generator_loss", "valid_frechet", "classes"} <= set(table)
    folder = paths.scores("gan")
    losses = read_table(folder / "losses.parquet").to_pandas()
    assert losses["step"].tolist() == list(range(2 * STEPS))
    epoch = losses["discriminator"].iloc[STEPS:].mean()
    assert epoch == pytest.approx(table["discriminator_loss"].iloc[1], rel=1e-5)
    progress = read_table(folder / "progress.parquet").to_pandas()
    assert progress["step"].tolist() == [STEPS] * gan.SHOWN + [2 * STEPS] * gan.SHOWN


def test_every_split_is_scored_by_the_judge(scored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scored)
    folder = paths.scores("gan")
    judge = gan.Judge(paths.chosen("cnn"))
    for split in ("train", "valid", "test"):
        real = Digits().read(split)
        table = read_table(folder / f"{split}.parquet").to_pandas()
        assert table["label"].tolist() == real.labels.tolist()
        np.testing.assert_array_equal(np.stack(table["features"]), judge.features(real.inputs))
    assert read_json(folder / "classes.json") == judge.classes
    generator = keras_file.load(paths.chosen("gan") / "generator.keras")
    assert read_json(folder / "model.json") == {"parameters": generator.count_params()}


def test_what_is_drawn_by_the_chosen_generator_is_read_by_the_judge(
    scored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scored)
    section: Any = families.load("gan").read_params()
    table = read_table(paths.scores("gan") / "generated.parquet").to_pandas()
    assert len(table) == section.measured
    generator = Predictor(keras_file.load(paths.chosen("gan") / "generator.keras"))
    drawn, chosen_by = (
        gan.generate(generator, gan.latent(section, 1, stream)) for stream in STREAMS
    )
    pixels = np.stack(table["pixels"])
    np.testing.assert_array_equal(pixels, gan.to_bytes(drawn))
    assert not np.array_equal(pixels, gan.to_bytes(chosen_by)), "noise of the choice"
    judge = gan.Judge(paths.chosen("cnn"))
    np.testing.assert_array_equal(np.stack(table["features"]), judge.features(drawn))
    assert table["predicted"].tolist() == brightness(judge, drawn).tolist()
    assert table["predicted"].nunique() > 1
