"""The report of a family that tells classes of images apart: what its chosen epoch is worth."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from epochwise.core import paths
from epochwise.core.files import read_arrays, read_json, read_table, write_table
from epochwise.core.forms import ANY, LABELS, Array, Classes, Model, lists_of, place_among
from epochwise.core.matrices import matrix
from epochwise.measures import bootstrap
from epochwise.measures.multiclass import log_losses
from epochwise.reports.curves import calibration_curve, calibration_error, write_curves
from epochwise.reports.files import write_metrics


def write(family: str, selection: dict[str, Any], seed: int) -> None:
    """Write the report of `family` from its scores, with the epoch of `selection`.

    Writes the metrics of every split, the predictions for test, the curves and the figure; `seed`
    draws the resamples of the 95 % intervals. The calibration is that of the likeliest class.
    """
    folder = paths.scores(family)
    classes = read_json(folder / "classes.json", Classes)
    count = len(classes)
    columns = {"id": ANY, "label": place_among(count), "probabilities": lists_of(count)}
    parameters = read_json(folder / "model.json", Model)["parameters"]
    for split in paths.SPLITS:
        scored = read_table(folder / f"{split}.parquet", columns)
        labels, probabilities = scored["label"].to_numpy(), matrix(scored["probabilities"])
        predicted, likely = probabilities.argmax(axis=1), probabilities.max(axis=1)
        right = predicted == labels
        metrics = {"n": len(labels), **report(labels, probabilities, classes)}
        metrics |= {"ci95": intervals(labels, probabilities, seed), "epoch": selection["epoch"]}
        metrics |= {"parameters": parameters}
        metrics |= {"calibration_error": calibration_error(right, likely)}
        write_metrics(family, split, metrics)
    predictions = scored.select(["id", "label"])
    for name, column in (("probability", likely), ("predicted", predicted)):
        predictions = predictions.append_column(name, pa.array(column))
    write_table(paths.predictions(family), predictions)
    points = [calibration_curve(right, likely), confusion(labels, predicted, classes)]
    write_curves(family, pd.concat(points, ignore_index=True))
    draw(family, labels, probabilities, classes)


def report(labels: np.ndarray, probabilities: np.ndarray, classes: list[str]) -> dict[str, Any]:
    """The metrics of predicting the likeliest class, and `per_class` its n, precision and recall.

    Labels (n,) are places in `classes`, the names of the columns of `probabilities` (n, classes).

    Macro averages weigh every class alike, micro ones every sample: with one class for each sample
    micro precision, micro recall and accuracy are the same. A precision without predictions is 0.
    """
    weights = np.ones((1, len(labels)))
    metrics = weighted_metrics(labels, probabilities, weights)
    precision, recall = _per_class(labels, probabilities, weights)
    return {name: float(values[0]) for name, values in metrics.items()} | {
        "per_class": {
            name: {
                "n": int(np.count_nonzero(labels == label)),
                "precision": float(precision[0, label]),
                "recall": float(recall[0, label]),
            }
            for label, name in enumerate(classes)
        }
    }


def intervals(labels: np.ndarray, probabilities: np.ndarray, seed: int) -> dict[str, list[float]]:
    """95 % percentile bootstrap intervals of every single figure of `report`."""
    return bootstrap.intervals(
        lambda weights: weighted_metrics(labels, probabilities, weights), len(labels), seed
    )


def weighted_metrics(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """The metrics of `report` for each row of sample `weights` (k, n): name to (k,)."""
    total = weights.sum(axis=1)
    accuracy = weights @ (probabilities.argmax(axis=1) == labels) / total
    precision, recall = _per_class(labels, probabilities, weights)
    return {
        "accuracy": accuracy,
        "log_loss": weights @ log_losses(labels, probabilities) / total,
        "macro_precision": np.nanmean(precision, axis=1),
        "macro_recall": np.nanmean(recall, axis=1),
        "micro_precision": accuracy,
        "micro_recall": accuracy,
    }


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """How many samples `n` of class `x` are predicted as class `y`: every pair of classes."""
    sizes = np.zeros((len(classes), len(classes)), int)
    np.add.at(sizes, (labels, predicted), 1)
    pairs = [(actual, given) for actual in classes for given in classes]
    return pd.DataFrame(pairs, columns=["x", "y"]).assign(n=sizes.ravel(), curve="confusion")


def draw(family: str, labels: np.ndarray, probabilities: np.ndarray, classes: list[str]) -> None:
    """Draw the images of test whose class is the least likely, with what they are read as."""
    from epochwise.figures.canvas import write_figure
    from epochwise.figures.grids import captioned_figure

    hardest = read_arrays(
        paths.scores(family) / "hardest.npz",
        {"images": Array((None, None, None, None)), "rows": LABELS},
    )
    predicted = probabilities.argmax(axis=1)
    captions = [
        (
            f"{classes[labels[row]]} read as {classes[predicted[row]]}"
            f"\n({probabilities[row].max():.2f})",
            "black" if predicted[row] == labels[row] else "firebrick",
        )
        for row in hardest["rows"]
    ]
    wrong = np.count_nonzero(predicted != labels)
    title = f"{family} on test: the hardest of {len(labels)}, {wrong} of which are mistaken"
    figure = captioned_figure(hardest["images"], captions, title)
    write_figure(paths.plot("pictures", family, "png"), figure)


def _per_class(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall of each class, (k, classes) each.

    A precision is 0 without predictions of the class, a recall 0 without samples of it, and either
    nan if these are only missing from a resample.
    """
    identity = np.eye(probabilities.shape[1])
    actual, predicted = identity[labels], identity[probabilities.argmax(axis=1)]
    right = weights @ (actual * predicted)
    precision, recall = (
        np.divide(right, whole, out=np.full_like(right, np.nan), where=whole > 0)
        for whole in (weights @ predicted, weights @ actual)
    )
    precision[:, ~predicted.any(axis=0)] = 0
    recall[:, ~actual.any(axis=0)] = 0
    return precision, recall
