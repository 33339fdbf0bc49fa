"""The report of a review family: the chosen epoch and threshold on train, valid and test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from stages.core import params
from stages.core.files import read_json, read_table, replacing, write_json, write_table
from stages.metrics.classification import intervals, predict, report
from stages.training.epoch_table import epoch_column, scores_path

TEST = Path("data/reviews/split/test.parquet")
ROC_POINTS = 200
"""Points of a curve at most: a page with more is slow and looks the same."""


def evaluate(
    family: str, probabilities: Callable[[pa.ChunkedArray], np.ndarray], parameters: int
) -> None:
    """Write the metrics of all splits, the predictions for test, and what is plotted of them.

    `probabilities` gives P(1) of cleaned texts; train and valid were scored in training.
    """
    selection = read_json(Path("metrics", family, "selection.json"))
    test = read_table(TEST)
    likely = probabilities(test["text"])
    scored = pa.table({"id": test["review_id"], "label": test["label"], "probability": likely})
    splits = {name: _trained(family, name, selection["epoch"]) for name in ("train", "valid")}
    for name, table in {**splits, "test": scored}.items():
        metrics = measure(table, selection["threshold"], params.read_value("seed"))
        metrics |= {"epoch": selection["epoch"], "parameters": parameters}
        write_json(Path("metrics", family, f"{name}.json"), metrics)
    predicted = predict(likely, selection["threshold"]).astype("int8")
    predictions = scored.append_column("predicted", pa.array(predicted))
    write_table(Path("data/predictions", family, "test.parquet"), predictions)
    with replacing(Path("plots", family, "test")) as folder:
        _write_csv(folder / "confusion.csv", predictions.select(["label", "predicted"]))
        _write_csv(folder / "roc.csv", roc_curve(scored, family))


def measure(scored: pa.Table, threshold: float, seed: int) -> dict[str, object]:
    """Size, metrics and their 95 % intervals of a table `label, probability`."""
    labels, likely = scored["label"].to_numpy(), scored["probability"].to_numpy()
    return {
        "n": len(labels),
        **report(labels, likely, threshold),
        "threshold": threshold,
        "ci95": intervals(labels, likely, threshold, seed),
    }


def roc_curve(scored: pa.Table, family: str) -> pa.Table:
    """The ROC curve of a table `label, probability`, thinned to at most ROC_POINTS points."""
    from sklearn.metrics import roc_curve as curve

    false_1, true_1, _ = curve(scored["label"].to_numpy(), scored["probability"].to_numpy())
    kept = np.unique(np.linspace(0, len(false_1) - 1, ROC_POINTS).round().astype(int))
    return pa.table({"family": [family] * len(kept), "fpr": false_1[kept], "tpr": true_1[kept]})


def _trained(family: str, split: str, epoch: int) -> pa.Table:
    column = epoch_column(epoch)
    table = read_table(scores_path(family, split), ["id", "label", column])
    return table.rename_columns(["id", "label", "probability"])


def _write_csv(path: Path, table: pa.Table) -> None:
    with replacing(path) as beside:
        pd.DataFrame(table.to_pydict()).to_csv(beside, index=False)
