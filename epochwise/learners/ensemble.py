"""Ensembles of other families: fitted on valid, from what their members make of it."""

import time
from typing import Any

import numpy as np
import pyarrow as pa

from epochwise import families
from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_json, read_table, replacing, write_json, write_table
from epochwise.core.forms import FACTS, NUMBERS, SCORED, TEXT, Model
from epochwise.families import Family
from epochwise.inputs.reviews.texts import scored, scored_epochs
from epochwise.measures.binary import epoch_row
from epochwise.training.epoch_table import epoch_column, read_single_epoch, write_single_epoch


def train(family: Family, params: Any, seed: int) -> None:
    """Fit on valid: the one epoch 0.

    Writes data/epochs/<family>: the model, which is fitted on all of valid, and P(1) for valid, of
    each review by a fit that has not seen it; and the epoch table.
    """
    started = time.monotonic()
    reviews, given = {}, {}
    for split in ("train", "valid"):
        reviews[split], given[split] = _read(split, params.names())
    labels = {split: table["label"].to_numpy() for split, table in reviews.items()}
    unseen = family.module.out_of_fold(given["valid"], labels["valid"], params, seed)
    model = family.module.fit(given["valid"], labels["valid"], params)
    likely = {"train": family.module.probabilities(model, given["train"]), "valid": unseen}
    valid = scored_epochs(reviews["valid"], {epoch_column(0): unseen})
    row = epoch_row(labels, likely)
    write_single_epoch(family.name, model, {"valid": valid}, row, started)


def score(family: Family, params: Any, seed: int) -> None:
    """Apply the chosen model to train and test; write data/scores/<family>.

    The scores of valid are those of training: the model itself has seen valid. `params` and `seed`
    are not used: the model names its members, and nothing is drawn.
    """
    model = _chosen(family)
    members = _members(model)
    with replacing(paths.scores(family.name)) as folder:
        folder.mkdir()
        for split in ("train", "test"):
            reviews, given = _read(split, members)
            likely = family.module.probabilities(model, given)
            write_table(folder / f"{split}.parquet", scored(reviews, likely))
        write_table(folder / "valid.parquet", read_single_epoch(family.name, "valid"))
        sizes = [read_json(paths.stacked_model(member), Model)["parameters"] for member in members]
        weights = model["weight"].to_pylist()
        write_json(
            folder / "model.json",
            {
                "parameters": sum(sizes) + len(weights),
                "weights": dict(zip([*members, "intercept"], weights, strict=True)),
            },
        )


def probabilities(family: Family, params: Any, texts: pa.ChunkedArray) -> np.ndarray:
    """P(1) of cleaned texts, float32 (n,), by the chosen models of the members and of the family.

    `params` is not used: the model names its members.
    """
    model = _chosen(family)
    given = {}
    for name in _members(model):
        member = families.load(name)
        learner = families.load_learner(member.row.learner)
        given[name] = learner.probabilities(member, member.read_params(), texts)
    likely: np.ndarray = family.module.probabilities(model, given)
    return likely


def _read(split: str, members: list[str]) -> tuple[pa.Table, dict[str, np.ndarray]]:
    """The reviews of a split, as `scored` takes them, and P(1) (n,) by each member."""
    files = {member: paths.stacked(split, member) for member in members}
    tables = {member: read_table(file, SCORED, FACTS) for member, file in files.items()}
    reviews = tables[members[0]]
    for member, table in tables.items():
        if table["id"] != reviews["id"]:
            raise InputError(
                f"{files[member]} has other reviews than {files[members[0]]}: run `dvc repro` to"
                " score the same reviews by both families"
            )
    given = {member: table["probability"].to_numpy() for member, table in tables.items()}
    return reviews.rename_columns({"id": "review_id"}), given


def _members(model: pa.Table) -> list[str]:
    members: list[str] = model["member"].to_pylist()[:-1]
    return members


def _chosen(family: Family) -> pa.Table:
    columns = {"member": TEXT, "weight": NUMBERS}
    return read_table(paths.chosen(family.name) / "model.parquet", columns)
