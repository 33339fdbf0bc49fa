"""The files of metrics that all reports write."""

from math import ceil, log10
from typing import Any

from epochwise import families
from epochwise.core import files, paths

HEADLINES: dict[families.Task, dict[str, str]] = {
    "binary": {"roc_auc": "roc_auc", "bacc": "balanced_accuracy"},
    "multiclass": {"accuracy": "accuracy"},
    "reconstruction": {"cross_entropy": "cross_entropy"},
    "generation": {"frechet": "frechet"},
}
"""The metrics of a task that DVC shows, by short names: one table has all families."""
DIGITS = 4
"""Digits behind the point where an interval has no width."""


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
