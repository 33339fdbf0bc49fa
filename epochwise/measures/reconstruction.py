"""Reconstructed images measured against the originals, pixels from 0 to 1."""

from collections.abc import Callable

import numpy as np

EPSILON = 1e-7
"""Outputs are kept this far from 0 and 1 in the cross-entropy, as Keras does."""


ROWS = 256
"""Images that are measured at once, as float64: they stay in the processor's cache."""


def cross_entropies(originals: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Binary cross-entropy of each image (n,), in nats, the mean over its pixels."""

    def losses(original: np.ndarray, output: np.ndarray) -> np.ndarray:
        clipped = np.clip(output.astype("float64"), EPSILON, 1 - EPSILON)
        loss: np.ndarray = -(original * np.log(clipped) + (1 - original) * np.log(1 - clipped))
        return loss

    return _means(losses, originals, outputs)


def squared_errors(originals: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Squared error of each image (n,), the mean over its pixels."""
    return _means(lambda x, y: np.square(y.astype("float64") - x), originals, outputs)


def _means(
    measure: Callable[[np.ndarray, np.ndarray], np.ndarray],
    originals: np.ndarray,
    outputs: np.ndarray,
) -> np.ndarray:
    """The mean over the pixels of each image (n,) of what `measure` gives for every pixel."""
    means = np.empty(len(outputs))
    for start in range(0, len(outputs), ROWS):
        rows = slice(start, start + ROWS)
        values = measure(originals[rows], outputs[rows])
        means[rows] = values.reshape(len(values), -1).mean(axis=1)
    return means


def psnr(squared_error: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB of a mean squared error, for a peak of 1."""
    return -10 * np.log10(squared_error)


def epoch_row(originals: dict[str, np.ndarray], outputs: dict[str, np.ndarray]) -> dict[str, float]:
    """A row of the epoch table, from images of train and valid and their reconstructions.

    `train_loss` (the cross-entropy), `train_mse` and `train_psnr` (that of the mean squared error),
    the same of valid, and how far the losses are apart, `diff_loss`.
    """
    row = {}
    for split in ("train", "valid"):
        error = squared_errors(originals[split], outputs[split]).mean()
        losses = cross_entropies(originals[split], outputs[split])
        # The loss of an image is a float32, as it is in training; their mean is not.
        row[f"{split}_loss"] = float(losses.astype("float32").mean(dtype="float64"))
        row[f"{split}_mse"] = float(error)
        row[f"{split}_psnr"] = float(psnr(error))
    row["diff_loss"] = abs(row["train_loss"] - row["valid_loss"])
    return row
