"""The Fréchet distance between two sets of features."""

import numpy as np

COUNTED = 200
"""Images whose classes are counted, after every epoch and in the report."""


def frechet_distance(features: np.ndarray, others: np.ndarray) -> float:
    """The squared Fréchet distance of the normal distributions fitted to two sets (n, d), (m, d).

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Dowson & Landau 1982; on features of a network
    Heusel et al. 2017). The root's trace is the sum of the singular values of A B^T, where the
    rows of A and B are what is left of the sets without their means, over the root of n - 1.
    """
    left, right = (_centred(values.astype("float64")) for values in (features, others))
    shift = np.square(features.mean(axis=0, dtype="float64") - others.mean(axis=0, dtype="float64"))
    root = np.linalg.norm(_triangular(left) @ _triangular(right).T, ord="nuc")
    return float(shift.sum() + np.square(left).sum() + np.square(right).sum() - 2 * root)


def _centred(values: np.ndarray) -> np.ndarray:
    centred: np.ndarray = (values - values.mean(axis=0)) / np.sqrt(len(values) - 1)
    return centred


def _triangular(values: np.ndarray) -> np.ndarray:
    """R of values = QR: its d rows have the same products as the n rows of `values`."""
    triangle: np.ndarray = np.linalg.qr(values, mode="r")  # type: ignore[assignment]
    return triangle
