"""Classifiers are trained without a look at test, and scored on every split."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from epochwise import families
from epochwise.core import paths
from epochwise.core.files import copy_epoch, read_arrays, read_json, read_table
from epochwise.inputs.images import Digits
from epochwise.learners import classifier
from epochwise.training import keras_file
from epochwise.training.steps import Trainer
from tests.image_data import CLASSES, EACH, change_params, make_project, write_digits


@pytest.fixture(scope="module", autouse=True)
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[families.Family]:
    """The cnn after two epochs on digits, before there are any of test, and then its scores."""
    folder = tmp_path_factory.mktemp("project")
    make_project(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        change_params(cnn={"epochs": 2, "batch_size": 4})
        write_digits("train", "valid")
        family = families.load("cnn")
        section: Any = family.read_params()
        classifier.train(family, section, seed=1)
        write_digits("test")
        copy_epoch(paths.epochs("cnn"), 1, paths.chosen("cnn"))
        classifier.score(family, section, seed=1)
        yield family


def test_every_epoch_is_kept_with_its_features_and_a_row() -> None:
    kept = {path.name for path in paths.epochs("cnn").iterdir()}
    assert kept == {f"00{epoch}{part}.keras" for epoch in (0, 1) for part in ("", ".features")}
    table = pd.read_csv(paths.metrics("cnn", "epochs.csv"))
    assert table.columns.tolist()[:3] == ["epoch", "train_loss", "train_accuracy"]
    assert table["train_loss"].iloc[1] < table["train_loss"].iloc[0]


def test_another_seed_gives_another_network(trained: families.Family) -> None:
    path = paths.epochs("cnn") / "001.keras"
    first = path.read_bytes()
    section: Any = trained.read_params()
    classifier.train(trained, section, seed=2)
    assert path.read_bytes() != first


def test_scores_are_what_the_chosen_epoch_makes_of_every_split() -> None:
    folder = paths.scores("cnn")
    network = keras_file.load(paths.chosen("cnn") / "model.keras")
    for split in ("train", "valid", "test"):
        samples = Digits().read(split)
        table = read_table(folder / f"{split}.parquet")
        assert len(table) == CLASSES * EACH[split]
        assert table["id"].to_pylist() == samples.ids.tolist()
        assert table["label"].to_pylist() == samples.labels.tolist()
        found = np.stack(table["probabilities"].to_pandas())
        np.testing.assert_array_equal(found, network.predict(samples.inputs, 256, verbose=0))
    assert read_json(folder / "classes.json") == ["0", "1", "2"]
    assert read_json(folder / "model.json") == {"parameters": network.count_params()}


def test_the_hardest_are_those_of_the_lowest_probability_of_their_class() -> None:
    test = read_table(paths.scores("cnn") / "test.parquet").to_pandas()
    likely = np.stack(test["probabilities"])[np.arange(len(test)), test["label"]]
    hardest = read_arrays(paths.scores("cnn") / "hardest.npz")
    rows = hardest["rows"]
    assert len(rows) == min(classifier.HARDEST, len(test)) < len(test)
    assert (np.diff(likely[rows]) >= 0).all()
    assert likely[rows].max() <= np.delete(likely, rows).min()
    np.testing.assert_array_equal(hardest["images"], Digits().read("test").inputs[rows])


def test_the_running_mean_that_is_kept_learns(trained: families.Family) -> None:
    section: Any = trained.read_params()
    mean = {"optimizer": section.optimizer.model_copy(update={"average": 0.9})}
    made = classifier.prepare(trained, section.model_copy(update=mean), seed=1)
    before = [weight.numpy() for weight in made.networks[""].weights]
    made.fit(0)
    for old, weight in zip(before, made.networks[""].weights, strict=True):
        assert not np.array_equal(old, weight.numpy()), weight.path


def test_an_image_counts_as_much_as_its_class_weighs(
    trained: families.Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[np.ndarray, ...]] = []
    monkeypatch.setattr(Trainer, "epoch", lambda _, columns, batches: given.append(columns))
    section: Any = trained.read_params()
    weights = {"class_weight": [1.0, 2.0, 4.0]}
    classifier.prepare(trained, section.model_copy(update=weights), seed=1).fit(0)
    ((_, labels, counted),) = given
    np.testing.assert_array_equal(labels, Digits().read("train").labels)
    np.testing.assert_array_equal(counted, 2.0**labels)
