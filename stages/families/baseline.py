"""The plain baseline: TF-IDF of words and pairs of words, and logistic regression."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from stages.core import params
from stages.core.files import read_table, replacing, write_table
from stages.metrics.classification import epoch_row
from stages.reviews import evaluation, tfidf
from stages.reviews.inputs import split_paths
from stages.training.epoch_table import live_curves, log_epoch, write_epoch_table, write_scores

NAME = "baseline"
SPLITS = ("train", "valid")


class Baseline:
    """The family; it has the one epoch 0."""

    schema = tfidf.Tfidf

    def train(self) -> None:
        """Fit as `train.baseline` in params.yaml says."""
        started = time.monotonic()
        tables = dict(zip(SPLITS, map(read_table, split_paths("split")), strict=True))
        labels = {name: table["label"].to_numpy() for name, table in tables.items()}
        texts = {name: table["text"].to_pylist() for name, table in tables.items()}
        model = tfidf.fit(texts["train"], labels["train"], self.params(), params.read_value("seed"))
        with replacing(Path("models", NAME, "epochs")) as epochs:
            epochs.mkdir()
            path = epochs / "000.parquet"
            write_table(path, model)
            scores = {
                name: tfidf.probabilities(path, texts[name], self.params()) for name in SPLITS
            }
        for name, table in tables.items():
            write_scores(NAME, name, table["review_id"], table["label"], [scores[name]])
        row = epoch_row(labels, scores)
        with live_curves(NAME) as live:
            log_epoch(live, row)
        table = pd.DataFrame([{"epoch": 0, **row, "kept": 1}])
        write_epoch_table(NAME, table, time.monotonic() - started)

    def evaluate(self) -> None:
        """Score the test split and report."""
        parameters = read_table(self.path()).num_rows
        evaluation.evaluate(NAME, self.probabilities, parameters)

    def probabilities(self, texts: pa.ChunkedArray) -> np.ndarray:
        """P(1) of cleaned texts, float32 (n,)."""
        return tfidf.probabilities(self.path(), texts.to_pylist(), self.params())

    def params(self) -> tfidf.Tfidf:
        """`train.baseline` in params.yaml."""
        return params.read(f"train.{NAME}", tfidf.Tfidf)

    @staticmethod
    def path() -> Path:
        """The chosen model."""
        return Path("models", NAME, "model.parquet")


family = Baseline()
