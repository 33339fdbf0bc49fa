"""All families side by side on `test`, each compared with the baseline on the same samples.

Reads metrics/<family>/test.json and the predictions of the review families. Writes
metrics/leaderboard.json and plots/leaderboard.csv. `--show` prints the table again.
"""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stages.core import params
from stages.core.cli import run
from stages.core.files import read_json, read_table, replacing, write_json
from stages.metrics.bootstrap import interval, mcnemar, p_value, resamples
from stages.metrics.classification import predict, weighted_metrics

BASELINE = "baseline"
LEADERBOARD = Path("metrics/leaderboard.json")
COMPARED = ("roc_auc", "balanced_accuracy", "accuracy")
SHOWN = ("roc_auc", "accuracy", "balanced_accuracy", "recall_0", "recall_1")


class Predictions(NamedTuple):
    """Labels (n,), P(1) (n,) and the threshold of a family on `test`."""

    labels: np.ndarray
    probabilities: np.ndarray
    threshold: float


def compare(ours: Predictions, theirs: Predictions, seed: int) -> dict[str, Any]:
    """Paired tests of two models on the same samples.

    Returns:
        For each metric of COMPARED the `difference` ours - theirs, its 95 % bootstrap interval
        `ci95` and `p`; and `mcnemar_p`, of McNemar's test on accuracy.
    """

    def differences(weights: np.ndarray) -> dict[str, np.ndarray]:
        left, right = (weighted_metrics(*model, weights) for model in (ours, theirs))
        return {name: left[name] - right[name] for name in COMPARED}

    observed = differences(np.ones((1, len(ours.labels))))
    drawn = pd.concat(
        pd.DataFrame(differences(weights)) for weights in resamples(len(ours.labels), seed)
    ).dropna()
    correct = [
        predict(model.probabilities, model.threshold) == model.labels for model in (ours, theirs)
    ]
    return {
        name: {
            "difference": float(observed[name][0]),
            "ci95": interval(values.to_numpy()),
            "p": p_value(values.to_numpy()),
        }
        for name, values in drawn.items()
    } | {"mcnemar_p": mcnemar(*correct)}


def train_seconds(family: str) -> float | None:
    """How long the training of the present epoch table took; null if that ran elsewhere.

    The duration is beside the outputs that DVC restores, so it may be of another run.
    """
    folder = Path("metrics", family)
    if not (folder / "timing.json").exists():
        return None
    timing = read_json(folder / "timing.json")
    digest = hashlib.sha256((folder / "epochs.csv").read_bytes()).hexdigest()
    return float(timing["train_seconds"]) if timing["epochs_csv_sha256"] == digest else None


def entries(families: list[str], seed: int) -> dict[str, dict[str, Any]]:
    """The test metrics of each family, its training time, and its comparison with the baseline."""
    predicted = {family: predictions(family) for family in families}
    baseline = predicted.get(BASELINE)
    found = {}
    for family, ours in predicted.items():
        entry = read_json(Path("metrics", family, "test.json"))
        if ours and baseline and family != BASELINE:
            entry["against_baseline"] = compare(ours, baseline, seed)
        found[family] = entry | {"train_seconds": train_seconds(family)}
    return found


def predictions(family: str) -> Predictions | None:
    """What `evaluate` kept of a family with a threshold; None for another family."""
    metrics = read_json(Path("metrics", family, "test.json"))
    if "threshold" not in metrics:
        return None
    table = read_table(Path("data/predictions", family, "test.parquet"))
    labels, probabilities = table["label"].to_numpy(), table["probability"].to_numpy()
    return Predictions(labels, probabilities, metrics["threshold"])


def table(leaderboard: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """The leaderboard to read: a row a family, figures as text, best ROC AUC first."""
    order = sorted(leaderboard.items(), key=lambda item: -item[1]["roc_auc"])
    return pd.DataFrame([_row(family, entry) for family, entry in order])


def _row(family: str, entry: dict[str, Any]) -> dict[str, str]:
    row = {"family": family}
    for name in SHOWN:
        low, high = entry["ci95"][name]
        row[name] = f"{entry[name]:.3f} [{low:.3f}, {high:.3f}]"
    against = entry.get("against_baseline")
    row["AUC - baseline"] = (
        f"{against['roc_auc']['difference']:+.3f} (p {against['roc_auc']['p']:.3f})"
        if against
        else "-"
    )
    row |= {"epoch": str(entry["epoch"]), "threshold": f"{entry['threshold']:g}"}
    seconds = entry["train_seconds"]
    row["train"] = f"{seconds:.0f} s" if seconds is not None else "-"
    return row


def main(*, show: bool = False) -> None:
    """Write the leaderboard, or only show the one that is there."""
    if not show:
        families = list(params.read_value("train"))
        leaderboard = entries(families, params.read_value("seed"))
        write_json(LEADERBOARD, leaderboard)
        with replacing(Path("plots/leaderboard.csv")) as beside:
            plotted(leaderboard).to_csv(beside, index=False)
    print(table(read_json(LEADERBOARD)).to_string(index=False))


def plotted(leaderboard: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """The leaderboard to plot: columns `family, metric, value, low, high`."""
    return pd.DataFrame(
        [
            {"family": family, "metric": name, "value": entry[name], "low": low, "high": high}
            for family, entry in leaderboard.items()
            for name, (low, high) in entry["ci95"].items()
            if name in SHOWN
        ]
    )


if __name__ == "__main__":
    run(main)
