"""Reconstructed pictures measured against the originals, pixels from 0 to 1."""

from typing import Any

import numpy as np

from stages.metrics.bootstrap import intervals as bootstrap_intervals
from stages.metrics.classification import EPSILON


def cross_entropies(originals: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Binary cross-entropy of each picture (n,), in nats, the mean over its pixels."""
    clipped = np.clip(outputs.astype("float64"), EPSILON, 1 - EPSILON)
    losses = -(originals * np.log(clipped) + (1 - originals) * np.log(1 - clipped))
    return losses.reshape(len(losses), -1).mean(axis=1)


def squared_errors(originals: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Squared error of each picture (n,), the mean over its pixels."""
    errors = np.square(outputs.astype("float64") - originals)
    return errors.reshape(len(errors), -1).mean(axis=1)


def psnr(squared_error: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB of a mean squared error, for a peak of 1."""
    return -10 * np.log10(squared_error)


def report(originals: np.ndarray, outputs: np.ndarray, seed: int) -> dict[str, Any]:
    """`n, cross_entropy, mse, psnr` of all pictures, with 95 % bootstrap intervals in `ci95`.

    The PSNR is that of the mean squared error.
    """
    losses, errors = cross_entropies(originals, outputs), squared_errors(originals, outputs)

    def weighted(weights: np.ndarray) -> dict[str, np.ndarray]:
        total = weights.sum(axis=1)
        mse = weights @ errors / total
        return {"cross_entropy": weights @ losses / total, "mse": mse, "psnr": psnr(mse)}

    figures = weighted(np.ones((1, len(losses))))
    return {
        "n": len(losses),
        **{name: float(values[0]) for name, values in figures.items()},
        "ci95": bootstrap_intervals(weighted, len(losses), seed),
    }
