"""Classification into several classes measured: losses, and the row of an epoch."""

import numpy as np

EPSILON = 1e-7
"""Probabilities are kept this far from 0 in the log loss, as Keras does."""


def log_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Cross-entropy of each sample (n,), in nats, from labels and class probabilities."""
    likely = probabilities[np.arange(len(labels)), labels].astype("float64")
    return -np.log(np.clip(likely, EPSILON, 1.0))


def epoch_row(
    labels: dict[str, np.ndarray], probabilities: dict[str, np.ndarray]
) -> dict[str, float]:
    """A row of the epoch table, from labels and class probabilities of train and valid.

    `train_loss, train_accuracy, valid_loss, valid_accuracy`, and how far the two splits are apart,
    `diff_loss, diff_accuracy`.
    """
    row = {}
    for split in ("train", "valid"):
        right = probabilities[split].argmax(axis=1) == labels[split]
        row[f"{split}_loss"] = float(log_losses(labels[split], probabilities[split]).mean())
        row[f"{split}_accuracy"] = float(right.mean())
    for name in ("loss", "accuracy"):
        row[f"diff_{name}"] = abs(row[f"train_{name}"] - row[f"valid_{name}"])
    return row
