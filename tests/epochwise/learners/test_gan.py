"""The judge of generated digits, and the gan that is trained and scored by it."""

import shutil
from contextlib import chdir
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from epochwise import families
from epochwise.core import paths
from epochwise.core.files import copy_epoch, read_json, read_table
from epochwise.families import cnn
from epochwise.inputs.images import Digits
from epochwise.learners import gan
from epochwise.measures.generation import frechet_distance
from epochwise.training import keras_file, runtime
from epochwise.training.steps import Predictor
from tests.image_data import CLASSES, change_params, make_project, write_digits

STEPS = 3


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with digits, and with a cnn that has been chosen."""
    folder = tmp_path_factory.mktemp("origin")
    make_project(folder)
    with chdir(folder):
        change_params(gan={"epochs": 2, "steps_per_epoch": STEPS, "keep_epochs": None})
        write_digits("train", "valid", "test")
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


def test_losses_and_progress_of_the_training_reach_the_scores() -> None:
    family = families.load("gan")
    section = family.read_params()
    gan.train(family, section, seed=1)
    table = pd.read_csv(paths.metrics("gan", "epochs.csv"))
    assert {"discriminator_loss", "generator_loss", "valid_frechet", "classes"} <= set(table)
    copy_epoch(paths.epochs("gan"), 1, paths.chosen("gan"))
    gan.score(family, section, seed=1)
    folder = paths.scores("gan")
    losses = read_table(folder / "losses.parquet").to_pandas()
    assert losses["step"].tolist() == list(range(2 * STEPS))
    epoch = losses["discriminator"].iloc[STEPS:].mean()
    assert epoch == pytest.approx(table["discriminator_loss"].iloc[1], rel=1e-5)
    progress = read_table(folder / "progress.parquet").to_pandas()
    assert progress["step"].tolist() == [STEPS] * gan.SHOWN + [2 * STEPS] * gan.SHOWN
    generated = read_table(folder / "generated.parquet").to_pandas()
    assert len(generated) == section.measured  # type: ignore[attr-defined]
    drawn = np.stack(generated["pixels"]).reshape(-1, 28, 28, 1) / np.float32(255)
    judge = gan.Judge(paths.chosen("cnn"))
    features = np.stack(generated["features"])
    assert frechet_distance(features, judge.features(drawn)) < 0.01
    for split in ("train", "valid", "test"):
        real = Digits().read(split)
        scored = read_table(folder / f"{split}.parquet").to_pandas()
        assert scored["label"].tolist() == real.labels.tolist()
        np.testing.assert_array_equal(np.stack(scored["features"]), judge.features(real.inputs))
    assert read_json(folder / "classes.json") == judge.classes
    generator = keras_file.load(paths.chosen("gan") / "generator.keras")
    assert read_json(folder / "model.json") == {"parameters": generator.count_params()}
    chosen_by = gan.to_bytes(gan.generate(Predictor(generator), gan.latent(section, 1, "latent")))
    assert not np.array_equal(np.stack(generated["pixels"]), chosen_by), "noise of the choice"
