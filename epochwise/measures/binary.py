"""Binary classification measured: what the epoch table, the threshold and the report share.

Labels (n,) are 0 or 1, probabilities (n,) are P(1). Sample weights (k, n) say how often each sample
counts, in k resamples at once; a row of ones stands for the samples themselves.
"""

from typing import NamedTuple

import numpy as np

EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1 in the log loss, as Keras does."""


class Counts(NamedTuple):
    """Right and wrong predictions of each class (k,): the confusion matrix."""

    true_0: np.ndarray
    false_0: np.ndarray
    true_1: np.ndarray
    false_1: np.ndarray


def at_threshold(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Whether 1 is predicted (n,): where P(1) is at least `threshold`, compared in float64."""
    predicted: np.ndarray = probabilities.astype("float64") >= threshold
    return predicted


def counts(labels: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> Counts:
    """How often each class is predicted rightly and wrongly; `predicted` (n,) is boolean."""
    actual = labels == 1
    kinds = [~actual & ~predicted, actual & ~predicted, actual & predicted, ~actual & predicted]
    return Counts(*(weights @ np.stack(kinds, axis=1).astype("float64")).T)


def precision_and_recall(counted: Counts, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Precision and recall of each class (k,), from the `counts` of `predicted` (n,).

    A recall is nan without samples of the class, a precision nan without predictions of it: so a
    resample that happens to have none says nothing of the class. The precision of a class that is
    never predicted is 0.
    """
    true_0, false_0, true_1, false_1 = counted
    without_0, without_1 = (np.nan if given.any() else 0.0 for given in (~predicted, predicted))
    return {
        "precision_0": ratio(true_0, true_0 + false_0, without_0),
        "recall_0": ratio(true_0, true_0 + false_1, np.nan),
        "precision_1": ratio(true_1, true_1 + false_1, without_1),
        "recall_1": ratio(true_1, true_1 + false_0, np.nan),
    }


def log_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Cross-entropy of each sample (n,), in nats."""
    clipped = np.clip(probabilities.astype("float64"), EPSILON, 1 - EPSILON)
    return -np.log(np.where(labels == 1, clipped, 1 - clipped))


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mean of `values` (n,) by each row of weights: (k,)."""
    mean: np.ndarray = weights @ values / weights.sum(axis=1)
    return mean


def weighted_auc(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve by each row of weights: (k,), nan without both classes.

    The Mann-Whitney form: the share of (1, 0) pairs ranked right, ties counted half.
    """
    drawn = weights.T  # resamples lie beside each other: a row of them is copied at once
    zeros, ones = (np.flatnonzero(labels == label) for label in (0, 1))
    zeros = zeros[np.argsort(probabilities[zeros], kind="stable")]
    below = np.zeros((len(zeros) + 1, len(weights)))
    np.cumsum(drawn[zeros], axis=0, out=below[1:])
    first, last = (
        np.searchsorted(probabilities[zeros], probabilities[ones], side)
        for side in ("left", "right")
    )
    right = below[first]
    tied = first < last
    right[tied] = (right[tied] + below[last[tied]]) / 2
    drawn = drawn[ones]
    with np.errstate(invalid="ignore"):
        area: np.ndarray = np.einsum("ij,ij->j", drawn, right) / (drawn.sum(axis=0) * below[-1])
    return area


def compared_metrics(
    labels: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """What models are compared by, for each row of weights: name to (k,)."""
    counted = counts(labels, predicted, weights)
    by_class = precision_and_recall(counted, predicted)
    recalls = {name: by_class[name] for name in ("recall_0", "recall_1")}
    return {
        "roc_auc": weighted_auc(labels, probabilities, weights),
        "balanced_accuracy": (recalls["recall_0"] + recalls["recall_1"]) / 2,
        **recalls,
        "accuracy": (counted.true_0 + counted.true_1) / weights.sum(axis=1),
    }


def epoch_row(labels: dict[str, np.ndarray], scores: dict[str, np.ndarray]) -> dict[str, float]:
    """A row of the epoch table, from `labels` and P(1) of the splits train and valid, each (n,).

    Precision and recall are those of the threshold 0.5; `diff_recall_c` is the distance between
    train and valid of the recall of class c.
    """
    measured = {split: _epoch_metrics(labels[split], scores[split]) for split in ("train", "valid")}
    row = {
        f"{split}_{name}": float(metrics[name][0])
        for name in measured["train"]
        for split, metrics in measured.items()
    }
    for name in ("recall_0", "recall_1"):
        row[f"diff_{name}"] = abs(row[f"train_{name}"] - row[f"valid_{name}"])
    return row


def _epoch_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    weights, predicted = np.ones((1, len(labels))), at_threshold(probabilities, 0.5)
    return {
        "loss": weighted_mean(log_losses(labels, probabilities), weights),
        "roc_auc": weighted_auc(labels, probabilities, weights),
        **precision_and_recall(counts(labels, predicted, weights), predicted),
    }


def ratio(part: np.ndarray, whole: np.ndarray, of_nothing: float) -> np.ndarray:
    """`part` / `whole`, `of_nothing` where the whole is 0."""
    return np.divide(part, whole, out=np.full_like(part, of_nothing), where=whole > 0)
