"""The report of a review family: what its chosen epoch and threshold are worth."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from epochwise.core import paths
from epochwise.core.beside import beside
from epochwise.core.files import read_json, read_table, write_table
from epochwise.core.forms import FACTS, SCORED, Model
from epochwise.measures import bootstrap
from epochwise.measures.binary import (
    at_threshold,
    counts,
    log_losses,
    precision_and_recall,
    weighted_auc,
    weighted_mean,
)
from epochwise.reports.curves import calibration_curve, calibration_error, write_curves
from epochwise.reports.files import write_metrics

ROC_POINTS = 200
"""Points of a ROC curve at most: a page with more is slow and looks the same."""
QUARTERS = ("shortest", "second", "third", "longest")
DOMAINS = RATINGS = 20
"""Domains and ratings of which slices are reported at most: those with the most reviews."""
SLICE_METRICS = ("accuracy", "recall_0", "recall_1", "roc_auc")


def write(family: str, selection: dict[str, Any], seed: int) -> None:
    """Write the report of `family` from its scores, with the epoch and threshold of `selection`.

    Writes the metrics of every split, the predictions for test, the curves and the figure; `seed`
    draws the resamples of the 95 % intervals.
    """
    folder = paths.scores(family)
    threshold = selection["threshold"]
    model = read_json(folder / "model.json", Model)
    splits = {
        split: read_table(folder / f"{split}.parquet", SCORED, FACTS) for split in paths.SPLITS
    }
    test = splits["test"]
    labels, probabilities = _arrays(test)
    predicted = at_threshold(probabilities, threshold).astype("int8")
    curves = [
        roc_curve(labels, probabilities),
        calibration_curve(labels, probabilities),
        confusion(labels, predicted),
    ]
    further = {"epoch": selection["epoch"], **model}
    measured = measure(test, threshold, seed) | further
    with beside(_draw, family, measured, curves):
        kinds = list(slices(test, threshold))
        write_metrics(family, "test", measured | {"slices": kinds})
        for split in ("train", "valid"):
            write_metrics(family, split, measure(splits[split], threshold, seed) | further)
        ours = test.select(["id", "label", "probability"])
        write_table(paths.predictions(family), ours.append_column("predicted", pa.array(predicted)))
        write_curves(family, pd.concat(curves, ignore_index=True))


def _draw(family: str, metrics: dict[str, Any], curves: list[pd.DataFrame]) -> None:
    """Draw the figure of the report."""
    from epochwise.figures.curves import draw_report

    title = f"{family} on test, {metrics['n']:,} reviews"
    draw_report(paths.plot("pictures", family, "png"), title, metrics, curves)


def measure(scored: pa.Table, threshold: float, seed: int) -> dict[str, Any]:
    """Size, metrics and their 95 % intervals of a table `label, probability`."""
    labels, probabilities = _arrays(scored)
    return {
        "n": len(labels),
        **report(labels, probabilities, threshold),
        "calibration_error": calibration_error(labels, probabilities),
        "threshold": threshold,
        "ci95": intervals(labels, probabilities, threshold, seed),
    }


def report(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> dict[str, float]:
    """The metrics of predicting 1 where P(1) is at least `threshold`, each a mean over samples.

    Labels and probabilities have shape (n,). The precision of a class never predicted is 0.
    """
    weights = np.ones((1, len(labels)))
    measured = weighted_metrics(labels, probabilities, threshold, weights)
    return {name: float(values[0]) for name, values in measured.items()}


def intervals(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float, seed: int
) -> dict[str, list[float]]:
    """95 % percentile bootstrap intervals of every metric of `report`."""
    return bootstrap.intervals(
        lambda weights: weighted_metrics(labels, probabilities, threshold, weights),
        len(labels),
        seed,
    )


def weighted_metrics(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """The metrics of `report` for each row of sample `weights` (k, n): name to (k,)."""
    predicted = at_threshold(probabilities, threshold)
    counted = counts(labels, predicted, weights)
    by_class = precision_and_recall(counted, predicted)
    return {
        "accuracy": (counted.true_0 + counted.true_1) / weights.sum(axis=1),
        "balanced_accuracy": (by_class["recall_0"] + by_class["recall_1"]) / 2,
        "log_loss": weighted_mean(log_losses(labels, probabilities), weights),
        "roc_auc": weighted_auc(labels, probabilities, weights),
        **by_class,
    }


def roc_curve(labels: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """The ROC curve: false positive rate `x`, true positive rate `y`, ROC_POINTS points at most.

    Counted here, since scikit-learn takes longer to import than all the rest to compute.
    """
    order = np.argsort(-probabilities, kind="stable")
    ones = np.cumsum(labels[order] == 1)
    ends = np.flatnonzero(np.diff(probabilities[order], append=np.inf))  # equal ones: one point
    true_1 = np.concatenate([[0], ones[ends]])
    false_1 = np.concatenate([[0], ends + 1 - ones[ends]])
    kept = np.unique(np.linspace(0, len(ends), ROC_POINTS).round().astype(int))
    rates = {"x": false_1[kept] / max(false_1[-1], 1), "y": true_1[kept] / max(true_1[-1], 1)}
    return pd.DataFrame({"curve": "roc", **rates})


def confusion(labels: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """How many samples `n` of class `x` are predicted as class `y`: all four pairs."""
    pairs = [(actual, given) for actual in (0, 1) for given in (0, 1)]
    sizes = [np.count_nonzero((labels == x) & (predicted == y)) for x, y in pairs]
    table = pd.DataFrame(pairs, columns=["x", "y"]).assign(n=sizes, curve="confusion")
    # Objects, so that classes stay whole numbers in one column with the rates of other curves.
    return table.astype({"x": object, "y": object})


def slices(scored: pa.Table, threshold: float) -> Iterator[dict[str, Any]]:
    """The metrics of kinds of reviews: by length, domain, rating and class.

    Yields for each kind `by` and `slice`, its name, its size `n` and SLICE_METRICS, null where
    they are not defined: the recall of a class, or the area under the ROC curve, without samples.
    """
    labels, probabilities = _arrays(scored)
    for by, name, rows in _kinds(scored):
        actual = labels[rows]
        measured: dict[str, float | None] = {**report(actual, probabilities[rows], threshold)}
        for label in (0, 1):
            if not (actual == label).any():
                measured |= {f"recall_{label}": None, "roc_auc": None}
        chosen = {metric: measured[metric] for metric in SLICE_METRICS}
        yield {"by": by, "slice": name, "n": int(rows.sum()), **chosen}


def _kinds(scored: pa.Table) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield what reviews are told apart by, the name of a kind, and which rows (n,) are of it."""
    known = scored.select([name for name in scored.schema.names if name != "id"]).to_pandas()
    if "words" in known:
        words = known["words"].to_numpy()
        edges = np.quantile(words, [0.25, 0.5, 0.75])
        quarters = np.searchsorted(edges, words, side="left")
        for number, quarter in enumerate(QUARTERS):
            rows = quarters == number
            if rows.any():
                limits = f"{words[rows].min()} to {words[rows].max()} words"
                yield "length", f"{quarter} quarter, {limits}", rows
    if "domain" in known:
        for domain in sorted(known["domain"].value_counts().index[:DOMAINS]):
            yield "domain", domain, (known["domain"] == domain).to_numpy()
    if "rating" in known:
        stars = np.floor(known["rating"] + 0.5)
        for number in sorted(stars.value_counts().index[:RATINGS]):
            yield "rating", f"{number:.0f}", (stars == number).to_numpy()
    for label in (0, 1):
        yield "class", str(label), (known["label"] == label).to_numpy()


def _arrays(scored: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    return scored["label"].to_numpy(), scored["probability"].to_numpy()
