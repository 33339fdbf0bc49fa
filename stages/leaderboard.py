"""All families side by side on `test`, compared on the same samples where they share them.

Review families are compared with the baseline, transfer with scratch. Reads
metrics/<family>/test.json and the predictions of those families. Writes
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
TRANSFER, SCRATCH = "transfer", "scratch"
LEADERBOARD = Path("metrics/leaderboard.json")
COMPARED = ("roc_auc", "balanced_accuracy", "accuracy")
SHOWN = ("roc_auc", "accuracy", "balanced_accuracy", "recall_0", "recall_1")


class Task(NamedTuple):
    """What some families do: the metrics to show, the first of which orders them.

    A family belongs to the task if it has the last metric.
    """

    name: str
    columns: tuple[str, ...]
    highest_first: bool


TASKS = (
    Task("Reviews to labels", SHOWN, highest_first=True),
    Task(
        "Pictures to classes",
        ("accuracy", "log_loss", "macro_precision", "macro_recall"),
        highest_first=True,
    ),
    Task(
        "Pictures through a code",
        ("cross_entropy", "mse", "psnr", "probe_accuracy", "pca_probe_accuracy"),
        highest_first=False,
    ),
    Task("Pictures from noise", ("frechet", "classes_of_200"), highest_first=False),
)


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


def compare_classes(ours: np.ndarray, theirs: np.ndarray, seed: int) -> dict[str, Any]:
    """Paired tests of the accuracy of two models, from which samples (n,) each gets right.

    Returns:
        For `accuracy` what `compare` returns, and `mcnemar_p`.
    """
    gains = ours.astype("float64") - theirs
    drawn = np.concatenate([weights @ gains for weights in resamples(len(gains), seed)])
    drawn /= len(gains)
    difference = {
        "difference": float(gains.mean()),
        "ci95": interval(drawn),
        "p": p_value(drawn),
    }
    return {"accuracy": difference, "mcnemar_p": mcnemar(ours, theirs)}


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
    """The test metrics of each family, its training time, and its comparison with its rival."""
    found = {}
    for family in families:
        entry = read_json(Path("metrics", family, "test.json"))
        if "threshold" in entry and family != BASELINE and BASELINE in families:
            rival = predictions(BASELINE)
            entry[f"against_{BASELINE}"] = compare(predictions(family), rival, seed)
        if family == TRANSFER and SCRATCH in families:
            entry[f"against_{SCRATCH}"] = compare_classes(hits(TRANSFER), hits(SCRATCH), seed)
        found[family] = entry | {"train_seconds": train_seconds(family)}
    return found


def predictions(family: str) -> Predictions:
    """What `evaluate` kept of a family with a threshold."""
    metrics = read_json(Path("metrics", family, "test.json"))
    table = read_table(Path("data/predictions", family, "test.parquet"))
    labels, probabilities = table["label"].to_numpy(), table["probability"].to_numpy()
    return Predictions(labels, probabilities, metrics["threshold"])


def hits(family: str) -> np.ndarray:
    """Which samples of test a family gets right (n,), in the order of their ids."""
    table = read_table(Path("data/predictions", family, "test.parquet")).sort_by("id")
    right: np.ndarray = table["label"].to_numpy() == table["predicted"].to_numpy()
    return right


def tables(leaderboard: dict[str, dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """The leaderboard to read: a table a task, a row a family, figures as text, the best first."""
    found = {}
    for task in TASKS:
        first = task.columns[0]
        ranked = sorted(
            (entry[first] * (-1 if task.highest_first else 1), family)
            for family, entry in leaderboard.items()
            if task.columns[-1] in entry
        )
        if ranked:
            rows = [_row(family, leaderboard[family], task) for _, family in ranked]
            found[task.name] = pd.DataFrame(rows).fillna("-")
    return found


def _row(family: str, entry: dict[str, Any], task: Task) -> dict[str, str]:
    row = {"family": family}
    for name in task.columns:
        row[name] = f"{entry[name]:.3f}" if isinstance(entry[name], float) else str(entry[name])
        if name in entry.get("ci95", {}):
            low, high = entry["ci95"][name]
            row[name] += f" [{low:.3f}, {high:.3f}]"
    for rival in (BASELINE, SCRATCH):
        against = entry.get(f"against_{rival}")
        if against:
            metric = next(iter(against))
            row[f"{metric} - {rival}"] = (
                f"{against[metric]['difference']:+.3f} (p {against[metric]['p']:.3f})"
            )
    row["epoch"] = str(entry["epoch"])
    if "threshold" in entry:
        row["threshold"] = f"{entry['threshold']:g}"
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
    for task, table in tables(read_json(LEADERBOARD)).items():
        print(f"\n{task}\n{table.to_string(index=False)}")


def plotted(leaderboard: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """The leaderboard to plot: columns `family, metric, value, low, high`."""
    return pd.DataFrame(
        [
            {"family": family, "metric": name, "value": entry[name], "low": low, "high": high}
            for family, entry in leaderboard.items()
            for name, (low, high) in entry.get("ci95", {}).items()
            if name in SHOWN
        ]
    )


if __name__ == "__main__":
    run(main)
