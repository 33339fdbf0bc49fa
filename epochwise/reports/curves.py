"""The curves of reports: of epoch tables and of calibration, and the file that holds them."""

import numpy as np
import pandas as pd

from epochwise.core import paths
from epochwise.core.epochs import epoch_table
from epochwise.core.files import replacing

CURVE_COLUMNS = ["curve", "x", "y", "n"]
LEARNING_CURVES = (
    "train_loss",
    "valid_loss",
    "discriminator_loss",
    "generator_loss",
    "valid_frechet",
)
"""Columns of epoch tables that are shown as curves."""
BINS = 10
"""Bins of the calibration curve, each with the same number of samples."""


def write_curves(family: str, points: pd.DataFrame) -> None:
    """Write the curves of a family, those of its epoch table among them, in long form.

    `points` has the columns `curve` (the name of the curve that a point belongs to), `x`, `y`, and
    `n`, the number of samples behind the point, where it has one.
    """
    curves = pd.concat([*map(_as_written, [points, learning_curves(family)])], ignore_index=True)
    with replacing(paths.plot("curves", family, "csv")) as beside:
        curves.to_csv(beside, index=False)


def learning_curves(family: str) -> pd.DataFrame:
    """The curves in the epoch table of a family: columns `curve`, `x` (the epoch), `y`."""
    table = epoch_table(family)
    shown = [name for name in LEARNING_CURVES if name in table]
    long = table.melt(id_vars="epoch", value_vars=shown, var_name="curve", value_name="y")
    return long.rename(columns={"epoch": "x"})


def calibration_error(events: np.ndarray, likely: np.ndarray) -> float:
    """The expected calibration error, with bins of equal mass (Naeini et al. 2015).

    The mean distance between `x` and `y` of the bins of `calibration_curve`, weighted by size. It
    has no bootstrap interval: every resample adds noise to the distances, so that the interval
    would lie above the figure.
    """
    curve = calibration_curve(events, likely)
    distances = np.abs(curve["x"] - curve["y"]).to_numpy()
    return float(np.average(distances, weights=curve["n"]))


def calibration_curve(events: np.ndarray, likely: np.ndarray) -> pd.DataFrame:
    """Mean probability `x`, share of events `y` and size `n` of BINS bins of about the same size.

    `events` (n,) are 1 where what is `likely` (n,) came about, else 0. Equal probabilities fall
    into the same bin, so that there may be fewer bins.
    """
    likely = likely.astype("float64")
    edges = np.quantile(likely, np.arange(1, BINS) / BINS)
    bins = np.searchsorted(edges, likely, side="right")
    grouped = pd.DataFrame({"x": likely, "y": events.astype("float64")}).groupby(bins)
    curve = grouped.mean().assign(n=grouped.size(), curve="calibration")
    return curve[["curve", "x", "y", "n"]].reset_index(drop=True)


def _as_written(points: pd.DataFrame) -> pd.DataFrame:
    """All columns; numbers keep their form, so that an epoch or a class stays a whole number."""
    complete = points.reindex(columns=CURVE_COLUMNS).astype(object)
    return complete.assign(n=points["n"].astype("Int64") if "n" in points else pd.NA)
