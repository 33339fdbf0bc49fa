"""The ensemble: fitted on valid alone, scored out of fold, and applied through its members."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epochwise import families
from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import copy_epoch, read_json, read_table, write_table
from epochwise.learners import ensemble
from stages import stack
from tests.epochwise.review_project import SIZES, enter, make_project, set_params

MEMBERS = ["baseline", "nb_linear", "mlp"]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose members are trained, chosen, scored and stacked."""
    folder = tmp_path_factory.mktemp("origin")
    with pytest.MonkeyPatch.context() as patch:
        make_project(folder, patch)
        set_params("ensemble", members=MEMBERS)
        for name in MEMBERS:
            family = families.load(name)
            learner = families.load_learner(family.row.learner)
            learner.train(family, family.read_params(), 1)
            copy_epoch(paths.epochs(name), 0, paths.chosen(name))
            learner.score(family, family.read_params(), 1)
        patch.setattr(families, "members", lambda: MEMBERS)
        stack.main()
    return folder


@pytest.fixture(autouse=True)
def project(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(origin, tmp_path, dirs_exist_ok=True)
    enter(tmp_path, monkeypatch)


def train() -> families.Family:
    family = families.load("ensemble")
    ensemble.train(family, family.read_params(), 1)
    return family


def score() -> families.Family:
    family = train()
    copy_epoch(paths.epochs("ensemble"), 0, paths.chosen("ensemble"))
    ensemble.score(family, family.read_params(), 1)
    return family


def test_every_split_is_scored_and_valid_as_in_training() -> None:
    family = score()
    for split, size in SIZES.items():
        scored = read_table(paths.scores("ensemble") / f"{split}.parquet")
        assert scored.drop(["probability"]) == read_table(paths.stacked(split, "mlp")).drop(
            ["probability"]
        )
        assert len(scored) == size
    trained = read_table(paths.epochs("ensemble") / "valid.parquet")
    valid = read_table(paths.scores("ensemble") / "valid.parquet")
    assert valid["probability"] == trained["epoch_000"] and valid["id"] == trained["id"]
    texts = read_table(paths.review_split("split", "test"))["text"]
    likely = ensemble.probabilities(family, family.read_params(), texts)
    np.testing.assert_allclose(likely, scored["probability"].to_numpy(), rtol=1e-6)


def test_the_one_epoch_is_measured_on_scores_that_have_not_seen_their_label() -> None:
    train()
    table = pd.read_csv(paths.metrics("ensemble", "epochs.csv"))
    assert (table["epoch"].tolist(), table["kept"].tolist()) == ([0], [1])
    valid = read_table(paths.epochs("ensemble") / "valid.parquet").to_pandas()
    right = (valid["epoch_000"] >= 0.5) == (valid["label"] == 1)
    assert table["valid_recall_1"].item() == pytest.approx(right[valid["label"] == 1].mean())


def test_its_size_is_that_of_all_its_members_and_its_weights_are_told() -> None:
    score()
    model = read_json(paths.scores("ensemble") / "model.json")
    weights = read_table(paths.chosen("ensemble") / "model.parquet")["weight"].to_pylist()
    assert model["weights"] == dict(zip([*MEMBERS, "intercept"], weights, strict=True))
    sizes = [read_json(paths.scores(name) / "model.json")["parameters"] for name in MEMBERS]
    assert model["parameters"] == sum(sizes) + 4


def test_training_needs_no_test_and_gives_the_same_bytes() -> None:
    for name in MEMBERS:
        paths.stacked("test", name).unlink()
        paths.review_split("split", "test").unlink(missing_ok=True)
    outputs = []
    for _ in range(2):
        train()
        outputs.append([path.read_bytes() for path in sorted(paths.epochs("ensemble").iterdir())])
    assert len(outputs[0]) == 2 and outputs[0] == outputs[1]


def test_members_that_scored_other_reviews_are_told() -> None:
    path = paths.stacked("valid", "mlp")
    write_table(path, read_table(path).slice(1))
    with pytest.raises(InputError, match=r"valid/mlp\.parquet has other reviews than .*baseline"):
        train()


def test_a_member_without_scores_is_told() -> None:
    set_params("ensemble", members=["baseline", "lstm"])
    with pytest.raises(InputError, match=r"stack/train/lstm\.parquet not found: run `dvc repro`"):
        train()
