"""Review families that are linear models of a text's terms: one fit, without a network library."""

import time
from typing import Any

import numpy as np
import pyarrow as pa

from epochwise.core import paths
from epochwise.core.files import read_table, replacing, write_json, write_table
from epochwise.core.forms import NUMBERS, TEXT
from epochwise.families import Family
from epochwise.inputs.reviews.texts import read_test, read_texts, scored, scored_epochs
from epochwise.measures.binary import epoch_row
from epochwise.training.epoch_table import epoch_column, read_single_epoch, write_single_epoch

SPLITS = ("train", "valid")
ROWS = 10_000
"""Texts that are read at once."""


def train(family: Family, params: Any, seed: int) -> None:
    """Fit on train: the one epoch 0. `seed` is not used: nothing is drawn.

    Writes data/epochs/<family>: the model, and P(1) for train and valid; and the epoch table.
    """
    started = time.monotonic()
    reviews = {split: read_texts(split) for split in SPLITS}
    labels = {split: table["label"].to_numpy() for split, table in reviews.items()}
    texts = {split: table["text"].to_pylist() for split, table in reviews.items()}
    model, on_train = family.module.fit(texts["train"], labels["train"], params)
    on_valid = family.module.probabilities(model, texts["valid"], params)
    likely = {"train": on_train, "valid": on_valid}
    row = epoch_row(labels, likely)
    scores = {
        split: scored_epochs(table, {epoch_column(0): likely[split]})
        for split, table in reviews.items()
    }
    write_single_epoch(family.name, model, scores, row, started)


def score(family: Family, params: Any, seed: int) -> None:
    """Apply the chosen model to test; write data/scores/<family>.

    The scores of train and valid are those of training, as there is one model. `seed` is not used:
    nothing is drawn.
    """
    model = _chosen(family)
    reviews = read_test()
    with replacing(paths.scores(family.name)) as folder:
        folder.mkdir()
        for split in SPLITS:
            write_table(folder / f"{split}.parquet", read_single_epoch(family.name, split))
        likely = _of_texts(family, model, params, reviews["text"])
        write_table(folder / "test.parquet", scored(reviews, likely))
        write_json(folder / "model.json", {"parameters": len(model)})


def probabilities(family: Family, params: Any, texts: pa.ChunkedArray) -> np.ndarray:
    """P(1) of cleaned texts, float32 (n,), by the chosen model."""
    return _of_texts(family, _chosen(family), params, texts)


def _of_texts(family: Family, model: pa.Table, params: Any, texts: pa.ChunkedArray) -> np.ndarray:
    """P(1) of cleaned texts, float32 (n,), of which a part at a time is in memory as terms."""
    parts = (texts.slice(start, ROWS).to_pylist() for start in range(0, len(texts), ROWS))
    return np.concatenate([family.module.probabilities(model, part, params) for part in parts])


def _chosen(family: Family) -> pa.Table:
    columns = {"term": TEXT, "idf": NUMBERS, "coefficient": NUMBERS}
    return read_table(paths.chosen(family.name) / "model.parquet", columns)
