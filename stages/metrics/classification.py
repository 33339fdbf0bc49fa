"""Binary classification measured: the metrics of a report and their 95 % intervals."""

import numpy as np

from stages.metrics.bootstrap import intervals as bootstrap_intervals

EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1 in the log loss, as Keras does."""
EPOCH_METRICS = {
    "log_loss": "loss",
    "roc_auc": "roc_auc",
    "precision_0": "precision_0",
    "recall_0": "recall_0",
    "precision_1": "precision_1",
    "recall_1": "recall_1",
}
"""Columns of the epoch table, without the split: metric to name."""


def log_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Cross-entropy of each sample (n,), in nats; `labels` are 0 or 1."""
    clipped = np.clip(probabilities.astype("float64"), EPSILON, 1 - EPSILON)
    return -np.log(np.where(labels == 1, clipped, 1 - clipped))


def predict(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Whether 1 is predicted (n,): where P(1) is at least `threshold`, compared in float64."""
    predicted: np.ndarray = probabilities.astype("float64") >= threshold
    return predicted


def report(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> dict[str, float]:
    """The metrics of predicting 1 where a probability is at least `threshold`.

    A precision without predictions of its class is 0. Labels and probabilities have shape (n,).
    """
    weights = np.ones((1, len(labels)))
    return {
        name: float(values[0])
        for name, values in weighted_metrics(labels, probabilities, threshold, weights).items()
    }


def intervals(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float, seed: int
) -> dict[str, list[float]]:
    """95 % percentile bootstrap intervals of every metric of `report`."""
    return bootstrap_intervals(
        lambda weights: weighted_metrics(labels, probabilities, threshold, weights),
        len(labels),
        seed,
    )


def weighted_auc(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve by each row of `weights` (k, n): (k,), nan without both classes.

    The Mann-Whitney form: the share of (1, 0) pairs ranked right, ties counted half.
    """
    order = np.argsort(probabilities, kind="stable")
    starts = np.flatnonzero(np.diff(probabilities[order], prepend=-np.inf))
    ones = np.add.reduceat((weights * labels)[:, order], starts, axis=1)
    zeros = np.add.reduceat((weights * (1 - labels))[:, order], starts, axis=1)
    zeros_below = np.cumsum(zeros, axis=1) - zeros
    pairs = ones.sum(axis=1) * zeros.sum(axis=1)
    with np.errstate(invalid="ignore"):
        area: np.ndarray = (ones * (zeros_below + zeros / 2)).sum(axis=1) / pairs
    return area


def epoch_row(labels: dict[str, np.ndarray], scores: dict[str, np.ndarray]) -> dict[str, float]:
    """A row of the epoch table, from `labels` and P(1) of the splits train and valid, each (n,).

    Precision and recall are those of the threshold 0.5; `diff_recall_c` is the distance between
    train and valid of the recall of class c.
    """
    row = {}
    reports = {split: report(labels[split], scores[split], 0.5) for split in ("train", "valid")}
    for metric, name in EPOCH_METRICS.items():
        for split, measured in reports.items():
            row[f"{split}_{name}"] = measured[metric]
    for metric in ("recall_0", "recall_1"):
        row[f"diff_{metric}"] = abs(row[f"train_{metric}"] - row[f"valid_{metric}"])
    return row


def weighted_metrics(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """The metrics of `report` for each row of sample `weights` (k, n): name to (k,)."""
    predicted = predict(probabilities, threshold)
    actual = labels == 1
    true_1, false_1 = weights @ (actual & predicted), weights @ (~actual & predicted)
    true_0, false_0 = weights @ (~actual & ~predicted), weights @ (actual & ~predicted)
    total = weights.sum(axis=1)
    recall_0, recall_1 = ratio(true_0, true_0 + false_1), ratio(true_1, true_1 + false_0)
    return {
        "accuracy": (true_0 + true_1) / total,
        "balanced_accuracy": (recall_0 + recall_1) / 2,
        "log_loss": weights @ log_losses(labels, probabilities) / total,
        "roc_auc": weighted_auc(labels, probabilities, weights),
        "precision_0": ratio(true_0, true_0 + false_0),
        "recall_0": recall_0,
        "precision_1": ratio(true_1, true_1 + false_1),
        "recall_1": recall_1,
    }


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part` / `whole`, 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
