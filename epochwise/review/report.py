"""The report of a change: the facts of two revisions set against each other."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.measures.headlines import GENERATION, HEADLINES, TRADED
from epochwise.review import snapshot
from epochwise.review.lock import Model, changed_sources, trained
from epochwise.review.pairs import (
    READ,
    Compared,
    Comparison,
    Images,
    NotComparableError,
    Training,
    compare_images,
    compare_predictions,
    same,
)
from epochwise.review.revisions import MissingError, Revision
from epochwise.review.snapshot import Flat, Snapshot
from epochwise.review.statistics import Verdict, family_verdict, holm, metric_verdict

SEED = 0
"""Of the resamples: the same revisions give the same report."""
STALE = "what its results in {} were made of has been made anew since: run `dvc repro` there"


@dataclass(frozen=True)
class FamilyChange:
    """A family in two revisions and what can be said of the change.

    Without a family in one of them, or its predictions, `compared` is None: `reason` says why in
    words, `missing` names the file that would be needed, if that is it.
    """

    name: str
    old: snapshot.Family | None
    new: snapshot.Family | None
    model: Model
    verdict: Verdict
    compared: Compared | None = None
    reason: str = ""
    missing: MissingError | None = None

    @property
    def comparisons(self) -> list[Comparison]:
        """The headline metrics that could be compared."""
        return self.compared.comparisons if self.compared else []

    @property
    def either(self) -> snapshot.Family:
        """The family in the new revision, or else in the old one."""
        family = self.new or self.old
        assert family is not None
        return family


@dataclass(frozen=True)
class Changed:
    """A key with different values; None stands for a key that a revision does not have."""

    key: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Report:
    """Two revisions and what changed from `old` to `new`."""

    old: Snapshot
    new: Snapshot
    families: list[FamilyChange]
    params: list[Changed]
    data: list[Changed]
    sources: list[str]

    @property
    def changed(self) -> list[FamilyChange]:
        """The families that are not as they were."""
        return [family for family in self.families if family.verdict != Verdict.UNCHANGED]

    def with_verdict(self, *verdicts: Verdict) -> list[FamilyChange]:
        """The families of which one of `verdicts` holds."""
        return [family for family in self.families if family.verdict in verdicts]


def compare(old: Snapshot, new: Snapshot) -> Report:
    """Set two revisions against each other; p values are corrected over all that changed."""
    names = list(new.families) + [name for name in old.families if name not in new.families]
    return Report(
        old,
        new,
        judge([_family(name, old, new) for name in names]),
        changes(old.params, new.params),
        changes(_counts(old), _counts(new)),
        changed_sources(old.revision.lock, new.revision.lock),
    )


def changes(old: Flat, new: Flat) -> list[Changed]:
    """The keys whose values differ, in the order of `new`, those that are gone at the end."""
    keys = list(new) + [key for key in old if key not in new]
    found = [Changed(key, old.get(key), new.get(key)) for key in keys]
    return [change for change in found if change.old != change.new]


def judge(families: list[FamilyChange]) -> list[FamilyChange]:
    """The families with the verdicts on their metrics.

    Holm's correction is over all headline metrics that changed, of all families: one error in
    twenty reports, not in twenty figures.
    """
    tested = [
        comparison
        for family in families
        for comparison in family.comparisons
        if comparison.verdict != Verdict.UNCHANGED
    ]
    corrected = holm([each.found.p if each.known else None for each in tested])
    judged = {id(each): _judge(each, p) for each, p in zip(tested, corrected, strict=True)}

    def with_verdict(family: FamilyChange) -> FamilyChange:
        if not family.comparisons or family.compared is None:
            return family
        found = [judged.get(id(each), each) for each in family.comparisons]
        verdict = family_verdict(
            (each.verdict for each in found if each.metric not in TRADED),
            (each.verdict for each in found if each.metric in TRADED),
        )
        return replace(
            family, verdict=verdict, compared=replace(family.compared, comparisons=found)
        )

    return [with_verdict(family) for family in families]


def _judge(comparison: Comparison, corrected: float | None) -> Comparison:
    better = comparison.metric.higher_is_better
    verdict = metric_verdict(comparison.found, corrected, higher_is_better=better)
    return replace(comparison, corrected=corrected, verdict=verdict)


def _family(name: str, old: Snapshot, new: Snapshot) -> FamilyChange:
    before, after = old.families.get(name), new.families.get(name)
    model = trained(old.revision.lock, new.revision.lock, name)
    change = FamilyChange(name, before, after, model, Verdict.NOT_COMPARED)
    if before is None or after is None:
        return replace(change, reason=f"it is in {new.name if after else old.name} alone")
    if before.task != after.task:
        return replace(change, reason=f"it did {before.task} and does {after.task}")
    became_stale = after.stale and not before.stale
    if not became_stale and _untouched(before, after, old.revision, new.revision):
        return replace(change, verdict=Verdict.UNCHANGED)
    if stale := [side.name for side, family in ((old, before), (new, after)) if family.stale]:
        return replace(change, reason=STALE.format(stale[0]))
    is_random = model.anew and (before.seeded or after.seeded)
    training = Training(is_random, before.noise, after.noise)
    compared = _images if after.task == GENERATION else _predictions
    try:
        return replace(change, compared=compared(after, training, old.revision, new.revision))
    except MissingError as error:
        return replace(change, reason=error.why, missing=error)
    except (NotComparableError, InputError) as error:
        return replace(change, reason=str(error))


def _untouched(
    before: snapshot.Family, after: snapshot.Family, old: Revision, new: Revision
) -> bool:
    """Whether dvc.lock and the metrics alone tell that nothing changed."""
    path = paths.predictions(after.name).as_posix()
    digests = (old.lock.digest(path), new.lock.digest(path))
    values = [
        [family.value(metric.key) for metric in HEADLINES[family.task]]
        for family in (before, after)
    ]
    if digests[0] is None or digests[0] != digests[1] or None in values[0] + values[1]:
        return False
    return same(*(np.array(found, dtype="float64") for found in values))


def _predictions(
    family: snapshot.Family, training: Training, old: Revision, new: Revision
) -> Compared:
    read = list(dict.fromkeys(READ[metric] for metric in HEADLINES[family.task]))
    columns = ["id", "label", *read]
    path = paths.predictions(family.name)
    tables = [revision.table(path, columns) for revision in (old, new)]
    for revision, table in zip((old, new), tables, strict=True):
        for column in ("label", *read):
            _check_numbers(list(table[column]), f"{column} in {path} of {revision.name}")
    return compare_predictions(family.task, tables[0], tables[1], training, SEED)


def _check_numbers(values: list[Any], what: str, dimensions: int = 1) -> None:
    try:
        found = np.array(values)
    except ValueError:  # lists of several lengths
        found = np.array(None)
    if found.ndim != dimensions or found.dtype.kind not in "biuf" or not np.isfinite(found).all():
        raise InputError(f"{what}: expected finite numbers")


def _images(family: snapshot.Family, training: Training, old: Revision, new: Revision) -> Compared:
    folder = paths.scores(family.name)

    def read(revision: Revision) -> Images:
        test = revision.table(folder / "test.parquet", ["id", "features"])
        generated = revision.table(folder / "generated.parquet", ["features"])
        by_id = test.set_index(test["id"].astype(str))["features"]
        drawn = list(generated["features"])
        for features in (list(by_id), drawn):
            _check_numbers(features, f"features in {folder} of {revision.name}", dimensions=2)
        return Images(by_id, np.stack(drawn))

    return compare_images(read(old), read(new), training, SEED)


def _counts(facts: Snapshot) -> Flat:
    return {
        f"{name}.{key}": value
        for name, data in facts.data.items()
        for key, value in data.counts.items()
    }
