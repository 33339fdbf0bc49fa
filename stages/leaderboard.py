"""All families side by side on test, each compared with its rival on the same samples.

Reads metrics/<family>/test.json, data/predictions/<family> and plots/curves/<family>.csv. Writes
metrics/leaderboard.json and, for DVC's plots page, plots/leaderboard.csv and one table per kind of
curve. `--show` prints the leaderboard that is there.
"""

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import typer

from epochwise import families
from epochwise.core import lock, params, paths
from epochwise.core.cli import InputError, run
from epochwise.core.files import read_json, read_table, replacing, write_metrics
from epochwise.measures.binary import at_threshold, counts, precision_and_recall, weighted_auc
from epochwise.measures.bootstrap import interval, mcnemar, p_value, resamples
from epochwise.measures.headlines import HEADLINES, TITLES
from epochwise.reports.curves import CURVE_COLUMNS, LEARNING_CURVES

CURVES = {
    "roc": ("roc",),
    "calibration": ("calibration",),
    "confusion": ("confusion",),
    "epochs": LEARNING_CURVES,
    "steps": ("discriminator", "generator"),
    "classes": ("generated", "real"),
}
"""The tables of curves: plots/<table>.csv holds the curves of these names, of all families."""

COLUMNS: dict[families.Task, tuple[str, ...]] = {
    "binary": ("roc_auc", "accuracy", "balanced_accuracy", "recall_0", "recall_1"),
    "multiclass": ("accuracy", "log_loss", "macro_precision", "macro_recall"),
    "reconstruction": ("cross_entropy", "mse", "psnr", "probe_accuracy", "pca_probe_accuracy"),
    "generation": ("frechet", "classes_of_200"),
}
"""The metrics that are shown of a task."""


class Predictions(NamedTuple):
    """Ids (n,), labels (n,), P(1) (n,) and the threshold of a family on test."""

    ids: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    threshold: float


def compare(ours: Predictions, theirs: Predictions, seed: int) -> dict[str, Any]:
    """Paired tests of two models on the same samples.

    Returns:
        For each metric of `metrics_compared` the `difference` ours - theirs, its 95 % bootstrap
        interval `ci95` and `p`; and `mcnemar_p`, of McNemar's test on accuracy.
    """

    def differences(weights: np.ndarray) -> dict[str, np.ndarray]:
        left, right = (metrics_compared(model, weights) for model in (ours, theirs))
        return {name: left[name] - right[name] for name in left}

    observed = differences(np.ones((1, len(ours.labels))))
    drawn = pd.concat(
        pd.DataFrame(differences(weights)) for weights in resamples(len(ours.labels), seed)
    ).dropna()
    correct = [
        at_threshold(model.probabilities, model.threshold) == model.labels
        for model in (ours, theirs)
    ]
    return {
        name: {
            "difference": float(observed[name][0]),
            "ci95": interval(values.to_numpy()),
            "p": p_value(values.to_numpy()),
        }
        for name, values in drawn.items()
    } | {"mcnemar_p": mcnemar(*correct)}


def metrics_compared(model: Predictions, weights: np.ndarray) -> dict[str, np.ndarray]:
    """What models are compared by, for each row of sample `weights` (k, n): name to (k,)."""
    _, labels, probabilities, threshold = model
    counted = counts(labels, at_threshold(probabilities, threshold), weights)
    recall = precision_and_recall(counted)
    return {
        "roc_auc": weighted_auc(labels, probabilities, weights),
        "balanced_accuracy": (recall["recall_0"] + recall["recall_1"]) / 2,
        "accuracy": (counted.true_0 + counted.true_1) / weights.sum(axis=1),
    }


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
    path = paths.metrics(family, "timing.json")
    if not path.exists():
        return None
    timing = read_json(path)
    digest = hashlib.sha256(paths.metrics(family, "epochs.csv").read_bytes()).hexdigest()
    return float(timing["train_seconds"]) if timing["epochs_csv_sha256"] == digest else None


def entries(table: dict[str, families.Row], seed: int) -> dict[str, dict[str, Any]]:
    """The test metrics of each family, its training time, and its comparison with its rival."""
    found = {}
    for family, row in table.items():
        entry = read_json(paths.metrics(family, "test.json"))
        if row.rival:
            entry[f"against_{row.rival}"] = against_rival(row.task, family, row.rival, seed)
        found[family] = entry | {"train_seconds": train_seconds(family)}
    return found


def against_rival(task: families.Task, family: str, rival: str, seed: int) -> dict[str, Any]:
    """The paired comparison of `family` with its rival; both do the same `task`."""
    if task == "binary":
        ours, theirs = predictions(family), predictions(rival)
        _check_pairs(family, ours.ids, rival, theirs.ids)
        return compare(ours, theirs, seed)
    (ids, right), (rival_ids, rival_right) = hits(family), hits(rival)
    _check_pairs(family, ids, rival, rival_ids)
    return compare_classes(right, rival_right, seed)


def _check_pairs(family: str, ids: np.ndarray, rival: str, rival_ids: np.ndarray) -> None:
    if not np.array_equal(ids, rival_ids):
        raise InputError(
            f"{paths.predictions(family)} and {paths.predictions(rival)} are of other samples: run"
            f" `dvc repro evaluate@{family} evaluate@{rival}`"
        )


def predictions(family: str) -> Predictions:
    """What `evaluate` kept of a family with a threshold, in the order of their ids."""
    threshold = read_json(paths.metrics(family, "test.json"))["threshold"]
    table = read_table(paths.predictions(family)).sort_by("id")
    ids, labels, likely = (table[name].to_numpy() for name in ("id", "label", "probability"))
    return Predictions(ids, labels, likely, threshold)


def hits(family: str) -> tuple[np.ndarray, np.ndarray]:
    """The ids of test (n,), sorted, and which of them a family gets right (n,)."""
    table = read_table(paths.predictions(family)).sort_by("id")
    return table["id"].to_numpy(), table["label"].to_numpy() == table["predicted"].to_numpy()


def tables(
    table: dict[str, families.Row], leaderboard: dict[str, dict[str, Any]]
) -> dict[str, pd.DataFrame]:
    """The leaderboard to read: one table per task, one row per family, the best first."""
    found = {}
    for task, (metric, *_) in HEADLINES.items():
        sign = -1 if metric.higher_is_better else 1
        ranked = sorted(
            (family for family in leaderboard if table[family].task == task),
            key=lambda family: (sign * leaderboard[family][metric.key], family),
        )
        if ranked:
            rows = [_row(family, leaderboard[family], table[family]) for family in ranked]
            found[TITLES[task]] = pd.DataFrame(rows).fillna("-")
    return found


def _row(family: str, entry: dict[str, Any], row: families.Row) -> dict[str, str]:
    shown = {"family": family}
    for name in COLUMNS[row.task]:
        shown[name] = f"{entry[name]:.3f}" if isinstance(entry[name], float) else str(entry[name])
        if name in entry.get("ci95", {}):
            low, high = entry["ci95"][name]
            shown[name] += f" [{low:.3f}, {high:.3f}]"
    compared = entry.get(f"against_{row.rival}")
    if compared:
        metric = next(iter(compared))
        difference = compared[metric]
        shown[f"{metric} - {row.rival}"] = (
            f"{difference['difference']:+.3f} (p {difference['p']:.3f})"
        )
    shown["epoch"] = str(entry["epoch"])
    if "threshold" in entry:
        shown["threshold"] = f"{entry['threshold']:g}"
    seconds = entry["train_seconds"]
    shown["train"] = f"{seconds:.0f} s" if seconds is not None else "-"
    return shown


def plotted(table: dict[str, families.Row], leaderboard: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """The leaderboard to plot: columns `family, metric, value, low, high`."""
    return pd.DataFrame(
        [
            {"family": family, "metric": name, "value": entry[name], "low": low, "high": high}
            for family, entry in leaderboard.items()
            for name, (low, high) in entry.get("ci95", {}).items()
            if name in COLUMNS[table[family].task]
        ]
    )


def curves(table: dict[str, families.Row]) -> dict[str, pd.DataFrame]:
    """The curves of all families by kind: columns `family, curve, x, y, n`."""
    # As text: a class 0 stays one beside the rates of other curves.
    read = pd.concat(
        pd.read_csv(paths.plot("curves", family, "csv"), dtype=str).assign(family=family)
        for family in table
    )
    columns = ["family", *CURVE_COLUMNS]
    return {name: read.loc[read["curve"].isin(kinds), columns] for name, kinds in CURVES.items()}


def outdated(leaderboard: dict[str, dict[str, Any]], table: Iterable[str]) -> list[str]:
    """The families whose report is of other data or params, or is another than is shown."""
    locked = lock.read()

    def is_shown(family: str) -> bool:
        report = read_json(paths.metrics(family, "test.json"))
        return bool(report.items() <= leaderboard.get(family, {}).items())

    return [
        name
        for name in table
        if not (lock.is_current(locked, f"evaluate@{name}") and is_shown(name))
    ]


def main(
    show: Annotated[bool, typer.Option("--show", help="Only print the leaderboard.")] = False,
) -> None:
    """Write the leaderboard, or only show the one that is there."""
    table = families.table()
    if not show:
        leaderboard = entries(table, params.read_value("seed.data"))
        write_metrics(paths.LEADERBOARD, leaderboard)
        for name, data in {"leaderboard": plotted(table, leaderboard), **curves(table)}.items():
            with replacing(paths.PLOTS / f"{name}.csv") as beside:
                data.to_csv(beside, index=False)
    elif not paths.LEADERBOARD.exists():
        raise InputError(f"{paths.LEADERBOARD} not found: run `dvc repro --force -s leaderboard`")
    leaderboard = read_json(paths.LEADERBOARD)
    for title, shown in tables(table, leaderboard).items():
        print(f"\n{title}\n{shown.to_string(index=False)}")
    if show and (stale := outdated(leaderboard, table)):
        print(f"\nOf other data or params, until `dvc repro` has run: {', '.join(stale)}")


if __name__ == "__main__":
    run(main)
