"""Text networks: the same seed gives the same bytes, and test is read by score alone."""

import shutil
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from epochwise import families
from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import copy_epoch, read_json, read_table
from epochwise.inputs.reviews import mapped
from epochwise.learners import text
from epochwise.measures.binary import log_losses
from epochwise.training.steps import Trainer
from tests.epochwise.review_project import SIZES, make_project, set_params

NETWORKS = [name for name, row in families.table().items() if row.learner == "text"]
Trained: TypeAlias = Callable[[str], families.Family]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def orders() -> dict[str, list[list[int]]]:
    """The rows of train as each epoch of a family that `trained` has trained read them."""
    return defaultdict(list)


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, orders: dict[str, list[list[int]]]
) -> Trained:
    """What brings a family into the project of a test, trained once with the seed 1.

    It was trained where there are no texts.
    """
    epoch = Trainer.epoch

    @cache
    def origin(name: str) -> Path:
        def recorded(trainer: Trainer, columns: Any, batches: Any) -> None:
            orders[name].append(np.concatenate(batches).tolist())
            epoch(trainer, columns, batches)

        folder = tmp_path_factory.mktemp(name)
        with pytest.MonkeyPatch.context() as patch:
            make_project(folder, patch)
            for split in SIZES:
                paths.review_split("split", split).unlink()
            patch.setattr(Trainer, "epoch", recorded)
            train(name)
        return folder

    def bring(name: str) -> families.Family:
        for made in (paths.epochs(name), paths.metrics(name, "epochs.csv").parent):
            shutil.copytree(origin(name) / made, made)
        return families.load(name)

    return bring


def train(name: str, seed: int = 1) -> families.Family:
    family = families.load(name)
    text.train(family, family.read_params(), seed)
    return family


def score(family: families.Family, epoch: int) -> None:
    copy_epoch(paths.epochs(family.name), epoch, paths.chosen(family.name))
    text.score(family, family.read_params(), 1)


def test_test_is_scored_in_parts(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    family = trained("lstm")
    found = {}
    for rows in (SIZES["test"], 7):
        monkeypatch.setattr(text, "ROWS", rows)
        score(family, 0)
        found[rows] = read_table(paths.scores("lstm") / "test.parquet")
    whole, parts = (found[rows] for rows in (SIZES["test"], 7))
    assert whole.drop(["probability"]) == parts.drop(["probability"])
    np.testing.assert_allclose(parts["probability"], whole["probability"], atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_score_gives_what_the_chosen_epoch_gave_in_training_and_gives_new_texts(
    name: str, trained: Trained
) -> None:
    family = trained(name)
    score(family, 1)
    known = read_table(paths.epochs(name) / "valid.parquet")
    assert known.schema.names == ["id", "label", "epoch_000", "epoch_001"]
    for split, size in SIZES.items():
        table = read_table(paths.scores(name) / f"{split}.parquet")
        facts = ["words", "domain", "rating"] if split == "test" else []
        assert table.schema.names == ["id", "label", "probability", *facts]
        assert len(table) == size and table["probability"].type == pa.float32()
        if split == "valid":
            assert table["id"] == known["id"] and table["label"] == known["label"]
            assert table["probability"] == known["epoch_001"]
    network = keras.models.load_model(paths.chosen(name) / "model.keras")
    assert read_json(paths.scores(name) / "model.json") == {"parameters": network.count_params()}
    texts = read_table(paths.review_split("split", "test"))["text"]
    likely = text.probabilities(family, family.read_params(), texts)
    np.testing.assert_array_equal(likely, table["probability"].to_numpy())


def test_the_epoch_table_is_measured_on_those_scores(trained: Trained) -> None:
    trained("mlp")
    table = pd.read_csv(paths.metrics("mlp", "epochs.csv"))
    assert table["epoch"].tolist() == [0, 1] and table["kept"].tolist() == [1, 1]
    valid = read_table(paths.epochs("mlp") / "valid.parquet")
    for epoch in (0, 1):
        losses = log_losses(valid["label"].to_numpy(), valid[f"epoch_{epoch:03d}"].to_numpy())
        assert table.loc[epoch, "valid_loss"] == pytest.approx(losses.mean())


@pytest.mark.parametrize("name", NETWORKS)
def test_training_needs_neither_test_nor_raw_texts(name: str, trained: Trained) -> None:
    """There were none where `trained` has trained it."""
    trained(name)
    assert (paths.epochs(name) / "001.keras").exists()


def test_a_network_learns_what_tells_the_classes_apart() -> None:
    optimizer = {"name": "adam", "learning_rate": 0.02, "clip_norm": None}
    optimizer |= {"schedule": "constant", "average": 0.0}
    set_params("mlp", epochs=6, batch_size=10, optimizer=optimizer)
    train("mlp")
    table = pd.read_csv(paths.metrics("mlp", "epochs.csv"))
    assert table["valid_roc_auc"].iloc[-1] > 0.9
    assert table["train_loss"].iloc[-1] < table["train_loss"].iloc[0]


def outputs(name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths.epochs(name).iterdir()}


def test_another_seed_gives_other_bytes(trained: Trained) -> None:
    trained("mlp")
    first = outputs("mlp")
    assert set(first) == {"000.keras", "001.keras", "valid.parquet"}
    train("mlp", 2)
    assert all(content != first[name] for name, content in outputs("mlp").items())


@pytest.mark.parametrize("name", ["mlp", "lstm"])
def test_the_same_seed_gives_the_same_bytes_from_inputs_in_memory_and_on_disk(
    name: str, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(name)
    in_memory = outputs(name)
    monkeypatch.setattr(mapped, "IN_MEMORY", 0)
    train(name)
    assert outputs(name) == in_memory


@pytest.mark.parametrize("name", ["mlp", "lstm"])
def test_every_epoch_reads_all_reviews_in_an_order_of_its_own(
    name: str, trained: Trained, orders: dict[str, list[list[int]]]
) -> None:
    trained(name)
    first, second = orders[name]
    assert sorted(first) == sorted(second) == list(range(SIZES["train"]))
    assert first != second != sorted(second) != first


@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_what_a_review_gets_does_not_depend_on_its_company(name: str, trained: Trained) -> None:
    family = trained(name)
    copy_epoch(paths.epochs(name), 1, paths.chosen(name))
    texts = read_table(paths.review_split("split", "test"))["text"]
    together = text.probabilities(family, family.read_params(), texts)
    alone = text.probabilities(family, family.read_params(), texts.slice(0, 1))
    np.testing.assert_allclose(alone, together[:1], rtol=1e-5)


@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_a_review_of_unknown_words_has_a_probability(name: str, trained: Trained) -> None:
    family = trained(name)
    copy_epoch(paths.epochs(name), 1, paths.chosen(name))
    likely = text.probabilities(family, family.read_params(), pa.chunked_array([["unheard of"]]))
    assert 0 < likely[0] < 1


def test_class_weights_move_probabilities_to_the_class_that_weighs_more() -> None:
    means = []
    for weights in ([50.0, 1.0], [1.0, 50.0]):
        set_params("mlp", class_weight=weights, epochs=3, batch_size=10)
        train("mlp")
        valid = read_table(paths.epochs("mlp") / "valid.parquet")
        means.append(valid["epoch_002"].to_numpy().mean())
    assert means[0] < means[1]


def test_a_family_without_a_chosen_network_is_told() -> None:
    family = families.load("lstm")
    with pytest.raises(InputError, match=r"models/lstm/model\.keras"):
        text.score(family, family.read_params(), 1)
    assert not paths.scores("lstm").exists()


def test_scoring_a_part_of_train_changes_its_columns_alone(trained: Trained) -> None:
    trained("lstm")
    found = {}
    for scored in (None, 20):
        if scored is not None:
            set_params("lstm", scored=scored)
            train("lstm")
        table = pd.read_csv(paths.metrics("lstm", "epochs.csv"))
        found[scored] = outputs("lstm"), table.filter(like="valid"), table.filter(like="train")
    files, valid, learned = found[None]
    for other_files, other_valid, _ in found.values():
        assert other_files == files and other_valid.equals(valid)
    assert not (found[20][2] == learned).all(axis=None)


def test_a_scored_part_of_train_has_reviews_of_both_classes() -> None:
    set_params("lstm", scored=1, epochs=1, units=[2])
    train("lstm")
    assert np.isfinite(pd.read_csv(paths.metrics("lstm", "epochs.csv"))).all(axis=None)


@pytest.mark.parametrize(("shown", "epochs"), [(None, 6), (1000, 6), (300, 5), (59, 2), (1, 2)])
def test_epochs_end_where_enough_reviews_have_been_shown(shown: int | None, epochs: int) -> None:
    set_params("lstm", epochs=6, shown=shown)
    assert text.count_epochs(families.load("lstm").read_params(), SIZES["train"]) == epochs
