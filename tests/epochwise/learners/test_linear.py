"""Linear families: one epoch, its scores, and no library for networks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epochwise import families
from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import copy_epoch, read_json, read_table
from epochwise.learners import linear
from tests.epochwise.review_project import SIZES, make_project

LINEAR = [name for name, row in families.table().items() if row.learner == "linear"]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path, monkeypatch)


def train(name: str) -> families.Family:
    family = families.load(name)
    linear.train(family, family.read_params(), 1)
    return family


@pytest.mark.parametrize("name", LINEAR)
def test_the_one_epoch_is_scored_on_every_split(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family = train(name)
    table = pd.read_csv(paths.metrics(name, "epochs.csv"))
    assert (table["epoch"].tolist(), table["kept"].tolist()) == ([0], [1])
    assert table["train_roc_auc"].item() == 1 and table["valid_roc_auc"].item() > 0.9
    copy_epoch(paths.epochs(name), 0, paths.chosen(name))
    linear.score(family, family.read_params(), 1)
    for split, size in SIZES.items():
        scored = read_table(paths.scores(name) / f"{split}.parquet")
        facts = ["words", "domain", "rating"] if split == "test" else []
        assert scored.schema.names == ["id", "label", "probability", *facts]
        assert len(scored) == size
    trained = read_table(paths.epochs(name) / "valid.parquet")
    assert trained.schema.names == ["id", "label", "epoch_000"]
    valid = read_table(paths.scores(name) / "valid.parquet")
    assert valid["probability"] == trained["epoch_000"] and valid["id"] == trained["id"]
    model = read_table(paths.chosen(name) / "model.parquet")
    assert read_json(paths.scores(name) / "model.json") == {"parameters": len(model)}
    monkeypatch.setattr(linear, "ROWS", 7)  # texts are read in parts
    for split in SIZES:
        texts = read_table(paths.review_split("split", split))["text"]
        scored = read_table(paths.scores(name) / f"{split}.parquet")
        likely = linear.probabilities(family, family.read_params(), texts)
        np.testing.assert_array_equal(likely, scored["probability"].to_numpy())


def test_training_gives_the_same_bytes_and_needs_no_test() -> None:
    paths.review_split("split", "test").unlink()
    outputs = []
    for _ in range(2):
        train("baseline")
        folder = sorted(paths.epochs("baseline").iterdir())
        outputs.append({path.name: path.read_bytes() for path in folder})
    assert set(outputs[0]) == {"000.parquet", "train.parquet", "valid.parquet"}
    assert outputs[0] == outputs[1]


def test_a_family_without_a_chosen_model_is_told() -> None:
    family = families.load("baseline")
    with pytest.raises(InputError, match=r"models/baseline/model\.parquet not found"):
        linear.score(family, family.read_params(), 1)
