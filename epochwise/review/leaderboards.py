"""The leaderboards of a revision: a table a task, with numbers to sort by."""

from dataclasses import dataclass

from epochwise.measures.headlines import HEADLINES, Metric
from epochwise.review import wording
from epochwise.review.snapshot import Family, Snapshot

FURTHER = {
    "binary": ("accuracy", "log_loss", "threshold"),
    "multiclass": ("log_loss", "macro_precision", "macro_recall"),
    "reconstruction": ("mse", "psnr", "probe_accuracy", "pca_probe_accuracy"),
    "generation": ("classes_of_200",),
}
"""Further metrics on test that are shown of a task."""


@dataclass(frozen=True)
class Cell:
    """A cell: what is read, lines beneath it, and what it is sorted by, if by a number."""

    text: str
    beneath: str = ""
    key: float | None = None


@dataclass(frozen=True)
class Leaderboard:
    """The families of a task, the best first."""

    header: list[str]
    rows: list[list[Cell]]


def leaderboard(facts: Snapshot, task: str) -> Leaderboard | None:
    """The leaderboard of a task; None where no family does it."""
    headlines = HEADLINES[task]
    families = [family for family in facts.families.values() if family.task == task]
    if not families:
        return None
    header = ["family", *(metric.title for metric in headlines), *FURTHER[task]]
    rows = [_row(family) for family in sorted(families, key=lambda each: _rank(each, headlines[0]))]
    return Leaderboard([*header, "epoch", "parameters", "training", "model"], rows)


def _rank(family: Family, metric: Metric) -> float:
    value = family.value(metric.key)
    if value is None:
        return float("inf")
    return -value if metric.higher_is_better else value


def _row(family: Family) -> list[Cell]:
    further = [family.value(name) for name in FURTHER[family.task]]
    epoch = family.value("epoch")
    return [
        Cell(family.name, "older than what it reads: run dvc repro" if family.stale else ""),
        *(_headline(family, metric) for metric in HEADLINES[family.task]),
        *(Cell(wording.figure(value), key=value) for value in further),
        Cell(wording.whole(epoch), key=epoch),
        Cell(wording.whole(family.parameters), key=family.parameters),
        Cell(wording.seconds(family.seconds), key=family.seconds),
        Cell(wording.size(family.model_bytes), key=family.model_bytes),
    ]


def _headline(family: Family, metric: Metric) -> Cell:
    """A value, its interval, and what its own repeats with other seeds have shown."""
    value, ends, noise = (
        family.value(metric.key),
        family.interval(metric.key),
        family.noise.get(metric.key),
    )
    beneath = (
        [f"[{wording.amount(ends[0], metric)}, {wording.amount(ends[1], metric)}]"] if ends else []
    )
    if noise and noise.own:
        spread = f"{wording.amount(noise.mean, metric)} ± {noise.std:.{metric.digits}f}"
        beneath.append(f"{spread}, {noise.repeats} seeds")
    return Cell(wording.amount(value, metric), "\n".join(beneath), value)
