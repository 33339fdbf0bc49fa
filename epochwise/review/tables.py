"""The tables of a report, cell by cell as plain text: Markdown and page escape and draw them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from epochwise.review import wording
from epochwise.review.report import Changed, FamilyChange, Report
from epochwise.review.snapshot import Family, Snapshot
from epochwise.review.statistics import Verdict


@dataclass(frozen=True)
class Table:
    """A table to read. Without rows `otherwise` tells what that means, if it means something."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    otherwise: str = ""


def comparisons(report: Report) -> Table:
    """Every headline metric that changed: both values, difference, interval, p and verdict."""
    rows = [
        (
            family.name,
            each.metric.title,
            wording.values(each),
            wording.difference(each),
            wording.p_value(each.corrected),
            str(each.verdict),
            str(family.model),
        )
        for family in report.changed
        for each in family.comparisons
        if each.verdict != Verdict.UNCHANGED
    ]
    versus = f"{report.old.name} → {report.new.name}"
    header = ("family", "metric", versus, "difference [95 %]", "p (Holm)", "verdict")
    return Table("Families that changed", (*header, "trained anew"), rows)


def details(report: Report) -> list[Table]:
    """What stands behind the verdicts, one table a subject."""
    subjects = (_params, _sources, _data, _selections, _costs, _metrics, _hits)
    return [subject(report) for subject in subjects]


def _params(report: Report) -> Table:
    return Table("Params", *_changes(report, report.params), "params unchanged")


def _sources(report: Report) -> Table:
    rows: list[tuple[str, ...]] = [(path,) for path in report.sources]
    return Table("Code and pins", ("file or folder",), rows, "code and pins unchanged")


def _data(report: Report) -> Table:
    header, rows = _changes(report, report.data)
    if rows:
        rows += [
            (f"{name}, all rows", *(wording.rows(side.data.get(name)) for side in _sides(report)))
            for name in report.new.data
        ]
    return Table("Data", header, rows, _rows_unchanged(report))


def _rows_unchanged(report: Report) -> str:
    kept = (f"{name} {wording.rows(data)}" for name, data in report.new.data.items())
    return f"data unchanged ({'; '.join(kept)})" if report.new.data else "data unchanged"


def _selections(report: Report) -> Table:
    rows = [
        (family.name, key, *(wording.plain(side.selection.get(key)) for side in sides))
        for family, *sides in _both(report)
        for key in ("epoch", "threshold", "rule", "relaxed")
        if sides[0].selection.get(key) != sides[1].selection.get(key)
    ]
    header = ("family", "", *_names(report))
    return Table("Epochs and thresholds", header, rows, "epochs and thresholds unchanged")


def _costs(report: Report) -> Table:
    rows: list[tuple[str, ...]] = [
        (
            family.name,
            _arrow(wording.seconds(side.seconds) for side in sides),
            _arrow(wording.whole(side.parameters) for side in sides),
            _arrow(wording.size(side.model_bytes) for side in sides),
        )
        for family, *sides in _both(report)
        if _cost(sides[0]) != _cost(sides[1])
    ]
    header = ("family", "training", "parameters", "model")
    return Table("Cost", header, rows, "cost unchanged")


def _metrics(report: Report) -> Table:
    rows = [
        (family.name, key, *shown)
        for family, *sides in _both(report)
        for key in sides[1].test
        for shown in [[wording.figure(side.value(key)) for side in sides]]
        if shown[0] != shown[1]
    ]
    return Table("All metrics on test", ("family", "metric", *_names(report)), rows)


def _hits(report: Report) -> Table:
    rows = [
        (family.name, str(hits.gained), str(hits.lost), wording.p_value(hits.p))
        for family in report.changed
        for hits in [family.compared.hits if family.compared else None]
        if hits and hits.gained + hits.lost
    ]
    only = (f"right in {report.new.name} alone", f"right in {report.old.name} alone")
    return Table("Accuracy on the same samples", ("family", *only, "p (McNemar)"), rows)


def _changes(
    report: Report, changes: list[Changed]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    rows: list[tuple[str, ...]] = [
        (each.key, wording.plain(each.old), wording.plain(each.new)) for each in changes
    ]
    return ("", *_names(report)), rows


def _sides(report: Report) -> tuple[Snapshot, Snapshot]:
    return report.old, report.new


def _names(report: Report) -> tuple[str, str]:
    return report.old.name, report.new.name


def _both(report: Report) -> Iterable[tuple[FamilyChange, Family, Family]]:
    for family in report.changed:
        if family.old and family.new:
            yield family, family.old, family.new


def _cost(family: Family) -> tuple[float | None, ...]:
    return family.seconds, family.parameters, family.model_bytes


def _arrow(shown: Iterable[str]) -> str:
    """Old and new value, or the one that both have."""
    return " → ".join(dict.fromkeys(shown))
