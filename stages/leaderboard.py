"""All families side by side on test, each compared with its rival on the same samples.

Reads metrics/<family>/test.json, data/predictions/<family> and plots/curves/<family>.csv. Writes
metrics/leaderboard.json and, for DVC's plots page, plots/leaderboard.csv and one table per kind of
curve. `--show` prints the leaderboard that is there.
"""

from collections.abc import Callable, Iterable
from functools import cache, partial
from itertools import chain
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import typer
from pydantic import create_model

from epochwise import families
from epochwise.core import lock, params, paths
from epochwise.core.cli import InputError, run
from epochwise.core.files import (
    check_form,
    read_csv,
    read_json,
    read_table,
    replacing,
    write_metrics,
)
from epochwise.core.forms import ANY, PLACES, SHARES, Form, Report
from epochwise.core.settings import Seed
from epochwise.core.timing import recorded_seconds
from epochwise.measures.binary import at_threshold, compared_metrics, weighted_mean
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


REMEDY = "run `dvc repro --force -s leaderboard`"
"""What makes the leaderboard anew, of which DVC knows nothing."""


class Difference(Form):
    """A metric's difference from that of the rival."""

    difference: float
    p: float


class Sampled(NamedTuple):
    """A family on test: ids (n,), which samples it gets right (n,), and what it is compared by.

    The first row of `metrics` is of test itself, the others of its resamples.
    """

    ids: np.ndarray
    right: np.ndarray
    metrics: pd.DataFrame


def sample(
    ids: np.ndarray,
    right: np.ndarray,
    measure: Callable[[np.ndarray], dict[str, np.ndarray]],
    seed: int,
) -> Sampled:
    """Resample what `measure` makes, name to (k,), of the weights (k, n) of n samples."""
    weights = chain([np.ones((1, len(ids)))], resamples(len(ids), seed))
    measured = map(pd.DataFrame, map(measure, weights))
    return Sampled(ids, right, pd.concat(measured, ignore_index=True))


def compare(ours: Sampled, theirs: Sampled) -> dict[str, Any]:
    """Paired tests of two families on the same samples and resamples.

    Returns:
        For each metric the `difference` ours - theirs, its 95 % bootstrap interval `ci95` and `p`;
        and `mcnemar_p`, of McNemar's test on accuracy.
    """
    differences = ours.metrics - theirs.metrics
    return {
        name: {
            "difference": float(differences[name][0]),
            "ci95": interval(values.to_numpy()),
            "p": p_value(values.to_numpy()),
        }
        for name, values in differences[1:].dropna().items()
    } | {"mcnemar_p": mcnemar(ours.right, theirs.right)}


def entries(table: dict[str, families.Row], seed: int) -> dict[str, dict[str, Any]]:
    """The test metrics of each family, its training time, and its comparison with its rival."""
    read = cache(lambda family: sampled(family, table[family].task, seed))
    found = {}
    for family, row in table.items():
        form = Report.of(("epoch", *COLUMNS[row.task]))
        entry = read_json(paths.metrics(family, "test.json"), form)
        if row.rival:
            _check_pairs(family, read(family).ids, row.rival, read(row.rival).ids)
            entry[f"against_{row.rival}"] = compare(read(family), read(row.rival))
        found[family] = entry | {"train_seconds": recorded_seconds(family)}
    return found


def sampled(family: str, task: families.Task, seed: int) -> Sampled:
    """What `evaluate` kept of a family, in the order of its ids, resampled."""
    read = {"probability": SHARES} if task == "binary" else {"predicted": PLACES}
    columns = {"id": ANY, "label": PLACES, **read}
    table = read_table(paths.predictions(family), columns).sort_by("id")
    ids, labels = table["id"].to_numpy(), table["label"].to_numpy()
    if task != "binary":
        right = labels == table["predicted"].to_numpy()
        return sample(ids, right, lambda drawn: {"accuracy": weighted_mean(right, drawn)}, seed)
    report = read_json(paths.metrics(family, "test.json"), Report.of(["threshold"]))
    likely = table["probability"].to_numpy()
    predicted = at_threshold(likely, report["threshold"])
    return sample(
        ids, predicted == labels, partial(compared_metrics, labels, predicted, likely), seed
    )


def _check_pairs(family: str, ids: np.ndarray, rival: str, rival_ids: np.ndarray) -> None:
    if not np.array_equal(ids, rival_ids):
        raise InputError(
            f"{paths.predictions(family)} and {paths.predictions(rival)} are of other samples: run"
            f" `dvc repro evaluate@{family} evaluate@{rival}`"
        )


def tables(
    table: dict[str, families.Row], leaderboard: dict[str, dict[str, Any]]
) -> dict[str, pd.DataFrame]:
    """The leaderboard to read: one table per task, one row per family, the best first."""
    found = {}
    for task, (metric, *_) in HEADLINES.items():
        sign = -1 if metric.higher_is_better else 1
        ranked = sorted(
            (family for family in table.keys() & leaderboard if table[family].task == task),
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
    metric = HEADLINES[row.task][0].key
    difference = entry.get(f"against_{row.rival}", {}).get(metric)
    if difference:
        shown[f"{metric} - {row.rival}"] = (
            f"{difference['difference']:+.3f} (p {difference['p']:.3f})"
        )
    shown["epoch"] = str(entry["epoch"])
    if "threshold" in entry:
        shown["threshold"] = f"{entry['threshold']:g}"
    seconds = entry["train_seconds"]
    shown["train"] = f"{seconds:.0f} s" if seconds is not None else "-"
    return shown


def read_leaderboard(table: dict[str, families.Row]) -> dict[str, dict[str, Any]]:
    """What metrics/leaderboard.json says of the families in `table`.

    Raises:
        InputError: it is damaged, or of another version of the project.
    """
    found = read_json(paths.LEADERBOARD, dict[str, dict[str, Any]], REMEDY)
    for family in table.keys() & found:
        check_form(paths.LEADERBOARD, found[family], _form(table[family]), REMEDY, family)
    return found


def _form(row: families.Row) -> type[Report]:
    """What is shown of a family."""
    metric: Any = {HEADLINES[row.task][0].key: (Difference | None, None)}
    further: Any = {
        "train_seconds": (float | None, ...),
        f"against_{row.rival}": (create_model("Against", __base__=Form, **metric), {}),
    }
    return create_model("Entry", __base__=Report.of(("epoch", *COLUMNS[row.task])), **further)


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
    columns = dict.fromkeys(CURVE_COLUMNS, ANY)
    # As text: a class 0 stays one beside the rates of other curves.
    read = pd.concat(
        read_csv(paths.plot("curves", family, "csv"), columns, ANY, str).assign(family=family)
        for family in table
    )
    shown = ["family", *CURVE_COLUMNS]
    return {name: read.loc[read["curve"].isin(kinds), shown] for name, kinds in CURVES.items()}


def outdated(leaderboard: dict[str, dict[str, Any]], table: Iterable[str]) -> list[str]:
    """The families whose report is of other data or params, or is another than is shown."""
    locked = lock.read()

    def is_shown(family: str) -> bool:
        report = read_json(paths.metrics(family, "test.json"), Report)
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
        leaderboard = entries(table, params.read("seed", Seed).data)
        plots = {"leaderboard": plotted(table, leaderboard), **curves(table)}
        write_metrics(paths.LEADERBOARD, leaderboard)
        for name, data in plots.items():
            with replacing(paths.PLOTS / f"{name}.csv") as beside:
                data.to_csv(beside, index=False)
    elif not paths.LEADERBOARD.exists():
        raise InputError(f"{paths.LEADERBOARD} not found: {REMEDY}")
    leaderboard = read_leaderboard(table)
    for title, shown in tables(table, leaderboard).items():
        print(f"\n{title}\n{shown.to_string(index=False)}")
    if show and (stale := outdated(leaderboard, table)):
        print(f"\nOf other data or params, until `dvc repro` has run: {', '.join(stale)}")


if __name__ == "__main__":
    run(main)
