"""The files that the reports of all tasks have in common."""

from math import ceil, log10
from typing import Any

import pandas as pd

from epochwise import families
from epochwise.core import files, paths
from epochwise.core.files import replacing

HEADLINES: dict[families.Task, dict[str, str]] = {
    "binary": {"roc_auc": "roc_auc", "bacc": "balanced_accuracy"},
    "multiclass": {"accuracy": "accuracy"},
    "reconstruction": {"cross_entropy": "cross_entropy"},
    "generation": {"frechet": "frechet"},
}
"""The metrics of a task that DVC shows, by short names: one table has all families."""
DIGITS = 4
"""Digits behind the point where an interval has no width."""
CURVE_COLUMNS = ["curve", "x", "y", "n"]
LEARNING_CURVES = (
    "train_loss",
    "valid_loss",
    "discriminator_loss",
    "generator_loss",
    "valid_frechet",
)
"""Columns of epoch tables that are shown as curves."""


def write_metrics(family: str, split: str, metrics: dict[str, Any]) -> None:
    """Write the metrics of a family on a split: metrics/<family>/<split>.json.

    Of test also the few that DVC shows.
    """
    files.write_metrics(paths.metrics(family, f"{split}.json"), metrics)
    if split == "test":
        shown = headline(metrics, families.row(family).task)
        files.write_json(paths.headline(family), shown)


def headline(metrics: dict[str, Any], task: families.Task) -> dict[str, float]:
    """The metrics of a task that DVC shows, by short names, as exact as their interval allows.

    A number keeps one digit more than the first of half the width of its 95 % interval.
    """
    found = {}
    for short, name in HEADLINES[task].items():
        low, high = metrics["ci95"][name]
        digits = ceil(-log10((high - low) / 2)) + 1 if high > low else DIGITS
        found[short] = round(metrics[name], max(digits, 0))
    return found


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
    table = pd.read_csv(paths.metrics(family, "epochs.csv"))
    shown = [name for name in LEARNING_CURVES if name in table]
    long = table.melt(id_vars="epoch", value_vars=shown, var_name="curve", value_name="y")
    return long.rename(columns={"epoch": "x"})


def _as_written(points: pd.DataFrame) -> pd.DataFrame:
    """All columns; numbers keep their form, so that an epoch or a class stays a whole number."""
    complete = points.reindex(columns=CURVE_COLUMNS).astype(object)
    return complete.assign(n=points["n"].astype("Int64") if "n" in points else pd.NA)
