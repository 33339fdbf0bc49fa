"""The facts of one revision that a report is about, read and brought into one form."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from epochwise.core import params, paths
from epochwise.core.cli import InputError
from epochwise.core.lock import is_current, not_run
from epochwise.core.timing import train_seconds
from epochwise.families import TABLE
from epochwise.measures.headlines import HEADLINES
from epochwise.noise import digest, is_consistent
from epochwise.review.revisions import Revision
from epochwise.review.statistics import Noise

DATASETS = ("reviews", "digits", "target")
CONTENT = {
    "reviews": [paths.review_split("split", split).as_posix() for split in paths.SPLITS],
    "digits": [paths.DIGITS.as_posix()],
    "target": [paths.TARGET.as_posix()],
}
"""The outputs that hold the splits of a data set."""
COUNTED = ("fetch", "clean", "split")
"""The stages of a data set that keep counts of it."""
DROPPED = ("clean.dropped.", "fetch.duplicates_dropped", "fetch.unreadable")
"""Beginnings of the counts of rows that were left out."""

DEEPEST = 50
"""Mappings in mappings at most."""

Flat = dict[str, Any]
"""Leaves of nested mappings by their dotted keys."""


@dataclass(frozen=True)
class Family:
    """A family in one revision: what it does, what it is worth, what it costs.

    `test` is its metrics/<family>/test.json; `noise` is by metric; `seconds` is the training time.
    A family is `stale` if what it was made of has been made anew since, and `seeded` if another
    seed of training gives another model, which of a linear one it does not.
    """

    name: str
    task: str
    test: dict[str, Any]
    selection: dict[str, Any]
    noise: dict[str, Noise]
    seconds: float | None
    model_bytes: int | None
    stale: bool = False
    seeded: bool = True

    @property
    def parameters(self) -> float | None:
        """How many parameters the model has."""
        return number(self.test.get("parameters"))

    def value(self, metric: str) -> float | None:
        """A metric on test."""
        return number(self.test.get(metric))

    def interval(self, metric: str) -> tuple[float, float] | None:
        """The 95 % interval of a metric on test, by resampling it."""
        ends: Any = mapping(self.test.get("ci95")).get(metric)
        low, high = [number(end) for end in ends] if _is_pair(ends) else (None, None)
        return None if low is None or high is None else (low, high)


@dataclass(frozen=True)
class Data:
    """The counts of a data set: rows by split, rows left out by reason, and all counts as kept.

    Beside these stands the digest of the splits, as `content`.
    """

    rows: dict[str, int]
    dropped: dict[str, int]
    counts: Flat


@dataclass(frozen=True)
class Snapshot:
    """The facts of a revision; files too large to keep are read from `revision` when needed.

    `champions_current` says whether they were chosen among what families are now.
    """

    revision: Revision
    families: dict[str, Family]
    params: Flat
    data: dict[str, Data]
    champions: dict[str, str]
    champions_current: bool
    not_run: list[str]

    @property
    def name(self) -> str:
        """The revision as it was asked for."""
        return self.revision.name


def read(revision: Revision) -> Snapshot:
    """The facts of a revision; what it lacks, as old revisions do, is left out."""
    values = mapping(revision.yaml(params.PARAMS))
    champions = mapping(mapping(revision.json(paths.CHAMPIONS)).get("champions"))
    # DVC leaves the stages of a family that is gone in dvc.lock.
    known = ("", *DATASETS, *_rows_of_families(revision))
    return Snapshot(
        revision,
        {family.name: family for family in _families(revision)},
        flatten(values),
        {name: data for name in DATASETS if (data := _data(revision, name)).counts},
        {task: str(mapping(entry).get("family")) for task, entry in champions.items()},
        is_current(revision.locked, "champion"),
        [name for name in not_run(revision.locked, values) if name.partition("@")[2] in known],
    )


def flatten(nested: Any, prefix: str = "") -> Flat:
    """The leaves of nested mappings by their dotted keys; lists and empty mappings are leaves.

    Raises:
        InputError: they are nested more than DEEPEST deep, or hold themselves.
    """
    flat: Flat = {}
    if prefix.count(".") > DEEPEST:
        raise InputError(f"mappings are nested more than {DEEPEST} deep: '{prefix[:40]}…'")
    for key, value in mapping(nested).items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def number(value: Any) -> float | None:
    """A finite number as it is; None for anything else that a file may hold."""
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return value if usable and abs(value) <= sys.float_info.max else None


def mapping(value: Any) -> dict[str, Any]:
    """A mapping with keys of text; empty for anything else that a file may hold."""
    return {str(key): entry for key, entry in value.items()} if isinstance(value, dict) else {}


def _families(revision: Revision) -> Iterator[Family]:
    noise = mapping(revision.json(paths.NOISE))
    for name, (task, learner) in _rows_of_families(revision).items():
        test = mapping(revision.json(paths.metrics(name, "test.json")))
        task = task or _task_of(test)
        if task in HEADLINES:
            yield Family(
                name,
                task,
                test,
                mapping(revision.json(paths.metrics(name, "selection.json"))),
                _noise(mapping(noise.get(name)), digest(revision.locked, name), test),
                _train_seconds(revision, name),
                revision.lock.model_bytes(name),
                not is_consistent(revision.locked, name),
                learner != "linear",
            )


def _rows_of_families(revision: Revision) -> dict[str, tuple[str | None, str | None]]:
    """Task and learner of every family; before families.yaml the leaderboard alone lists them."""
    found: dict[str, tuple[str | None, str | None]] = {}
    for group in mapping(revision.yaml(TABLE)).values():
        for name, row in mapping(group).items():
            if isinstance(row, dict):
                found.setdefault(name, (str(row.get("task")), str(row.get("learner"))))
    return found or dict.fromkeys(mapping(revision.json(paths.LEADERBOARD)), (None, None))


def _task_of(metrics: dict[str, Any]) -> str | None:
    """The task that a family's test metrics are of, for revisions without families.yaml."""
    for task, headlines in HEADLINES.items():
        if all(metric.key in metrics for metric in headlines):
            return task
    return None


def _noise(entry: dict[str, Any], ours: str | None, test: dict[str, Any]) -> dict[str, Noise]:
    """The noise of each metric of a family, if it has repeats with the same params and data.

    `ours` is the digest of these. They are the revision's own repeats if one of them is the
    training that `test` reports.
    """
    repeats = number(entry.get("repeats"))
    if repeats is None or repeats < 2 or ours is None or entry.get("digest") != ours:
        return {}
    found = {}
    for metric, measured in mapping(entry.get("metrics")).items():
        mean, std = (number(mapping(measured).get(key)) for key in ("mean", "std"))
        if mean is not None and std is not None and std >= 0:
            values: Any = mapping(measured).get("values")
            own = isinstance(values, list) and test.get(metric) in values
            found[metric] = Noise(mean, std, int(repeats), own)
    return found


def _train_seconds(revision: Revision, family: str) -> float | None:
    """How long the training of the epoch table took; None if that ran elsewhere."""
    epochs = revision.optional(paths.metrics(family, "epochs.csv"))
    content = revision.json(paths.metrics(family, "timing.json"))
    return None if epochs is None else number(train_seconds(content, epochs))


def _data(revision: Revision, dataset: str) -> Data:
    kept = {step: revision.json(paths.dataset_metrics(dataset, step)) for step in COUNTED}
    counts = flatten(kept)
    counts = {key: value for key, value in counts.items() if value not in (None, {}, [])}
    dropped = {
        key.split(".", 1)[1].removeprefix("dropped."): int(value)
        for key, value in counts.items()
        if key.startswith(DROPPED) and number(value)
    }
    rows = {split: _rows(counts, split) for split in paths.SPLITS}
    # Counts may stay where samples do not, as with another seed.
    content = [revision.lock.outputs.get(path) for path in CONTENT[dataset]]
    if counts and (digests := [output.digest for output in content if output]):
        counts["content"] = sha256("".join(digests).encode()).hexdigest()[:8]
    return Data({split: n for split, n in rows.items() if n}, dropped, counts)


def _rows(counts: Flat, split: str) -> int:
    """Rows of a split: counted for it, or by class."""
    for key in (f"split.{split}.n", f"fetch.{split}"):
        if number(counts.get(key)) is not None:
            return int(counts[key])
    by_class = (value for key, value in counts.items() if key.startswith(f"fetch.{split}_"))
    return int(sum(number(value) or 0 for value in by_class))


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2
