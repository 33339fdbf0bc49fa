"""Classification into several classes measured, with 95 % intervals."""

from typing import Any

import numpy as np

from stages.metrics.bootstrap import intervals as bootstrap_intervals
from stages.metrics.classification import EPSILON, ratio


def log_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Cross-entropy of each sample (n,), in nats, from its class and P of each (n, classes)."""
    likely = probabilities[np.arange(len(labels)), labels].astype("float64")
    return -np.log(np.clip(likely, EPSILON, 1.0))


def report(labels: np.ndarray, probabilities: np.ndarray, classes: list[str]) -> dict[str, Any]:
    """The metrics of predicting the likeliest class, and `per_class` its n, precision and recall.

    Labels (n,) are places in `classes`, the names of the columns of `probabilities` (n, classes).

    Macro averages weigh every class alike, micro ones every sample: with one class a sample
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
    return bootstrap_intervals(
        lambda weights: weighted_metrics(labels, probabilities, weights), len(labels), seed
    )


def epoch_row(
    labels: dict[str, np.ndarray], probabilities: dict[str, np.ndarray]
) -> dict[str, float]:
    """A row of the epoch table, from what is true of and predicted for train and valid.

    `loss, accuracy, valid_loss, valid_accuracy` and the distances `diff_loss, diff_accuracy`.
    """
    row = {}
    for split, prefix in (("train", ""), ("valid", "valid_")):
        right = probabilities[split].argmax(axis=1) == labels[split]
        row[f"{prefix}loss"] = float(log_losses(labels[split], probabilities[split]).mean())
        row[f"{prefix}accuracy"] = float(right.mean())
    for name in ("loss", "accuracy"):
        row[f"diff_{name}"] = abs(row[name] - row[f"valid_{name}"])
    return row


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
        "macro_precision": precision.mean(axis=1),
        "macro_recall": recall.mean(axis=1),
        "micro_precision": accuracy,
        "micro_recall": accuracy,
    }


def _per_class(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall of each class, (k, classes) each."""
    identity = np.eye(probabilities.shape[1])
    actual, predicted = identity[labels], identity[probabilities.argmax(axis=1)]
    right = weights @ (actual * predicted)
    return ratio(right, weights @ predicted), ratio(right, weights @ actual)
